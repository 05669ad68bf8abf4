"""The Bot API on one machine, as strict as Telegram's where it matters to us.

For tests, benches and the demo; `TELEGRAM_BOT__API_URL` points the service at it. It keeps
everything in memory and knows only the methods our bot calls: any other one is a 404, as with
Telegram for a misspelt name. Each rule names the section of the Bot API's documentation, the file
of tdlib or the public report that it is from (docs/decisions/0161).
"""
