"""The law: fetched, stored, found and cited. library.py is the way in."""
