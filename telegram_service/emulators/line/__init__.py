"""The LINE Messaging API on one machine, as strict as LINE's where it matters to us.

For tests, benches and the demo; `TELEGRAM_LINE__API_URL` and `TELEGRAM_LINE__DATA_URL` point the
service at it. It keeps everything in memory and knows only the calls our bot makes. Rules and
wordings: LINE's OpenAPI description (github.com/line/line-openapi) and the reference at
developers.line.biz; each refusal names its sentence there.
"""
