"""Knowledge entries: written answers to what people ask most, each resting on articles in force.

An entry is a file (`entries/`, and the operator's own folder). `matching` finds the one a question
means, in any of the languages; `law_checks` withholds those whose words left the law.
"""
