# Stands in for the official image of this name: Debian's Python 3.11 at the same places.
FROM localhost/neo-base
RUN ln -s /usr/bin/python3 /usr/local/bin/python3 && ln -s /usr/bin/python3 /usr/local/bin/python
CMD ["python3"]
