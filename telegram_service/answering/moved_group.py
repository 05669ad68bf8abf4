"""A group that became a supergroup: it has another id, and keeps its conversation and choices.

Telegram says so in both chats (Message, "migrate_to_chat_id", "migrate_from_chat_id"), and to who
still writes to the old one. Each is followed, in any order and as often as it comes.
"""

from shared.errors import Unavailable
from shared.stores.postgres import PostgresLost
from telegram_service.addresses import ChatAddress, ChatId
from telegram_service.answering.services import Services
from telegram_service.state.records import PreferencesChosen


async def follow_group(services: Services, old: ChatId, new: ChatId) -> None:
    """Move what is kept of a group to its new id. Raises Unavailable, to be tried again."""
    if old == new:
        return
    await services.sessions.move(ChatAddress(old, private=False), ChatAddress(new, private=False))
    if await services.preferences.get(new):
        return
    try:
        chosen = await services.preferences.get(old) or await services.store.preferences(old)
    except PostgresLost as lost:  # of which the group is not told: it has asked nothing
        raise Unavailable("choices not read", retry_after_s=1.0) from lost
    if chosen is None:
        return
    await services.preferences.set(new, chosen)
    await services.journal.put(
        PreferencesChosen(person=new, at=services.clock.now(), owner=new, preferences=chosen)
    )
