"""The models of one host, owned by one process and shared by the workers of a port.

`service` is that process: it has the pool, and each model's queue, for all workers. `client` is a
worker's side of it. Each lease and each place in a queue is a connection of its own to a socket in
a folder of this user: whoever holds one lets go of it by hanging up, however it ends.
"""
