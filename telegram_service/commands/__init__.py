"""One file per command: `run(context, arguments)`, where `arguments` is the text after its name.

A command that has buttons also has `on_button(context, value)`.
"""
