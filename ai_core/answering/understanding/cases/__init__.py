"""The case somebody asks a calculator about: which calculator, and the facts it needs."""
