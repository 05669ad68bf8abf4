"""Inference engines: `base.Engine` is their contract, each package below implements it or a part.

`process` runs a model in a child process, `gguf` and `folder` are the model runners inside it,
`decoding` is what those share, `remote` calls OpenAI-compatible servers, `extractive` quotes the
law without a model.
"""
