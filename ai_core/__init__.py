"""ai_core: searches the law, runs the models and answers questions. Start reading at app.py."""
