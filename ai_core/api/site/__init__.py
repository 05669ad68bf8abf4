"""The site around the page at `/`: pages rendered on the server, without scripts.

In four languages: themes and knowledge entries to read and link to, who operates the site, how to
reach them, and a question asked and answered without JavaScript. Nothing here is part of the API.
"""
