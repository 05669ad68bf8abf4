"""What people and other accounts do on Telegram's side.

Sections named here are of the Bot API's documentation (core.telegram.org/bots/api).
"""

import time
from collections.abc import Sequence
from typing import Any

from telegram_service.emulators.telegram.entities import found_entities
from telegram_service.emulators.telegram.objects import (
    ANONYMOUS_ADMIN,
    CHANNEL_SENDER,
    SUPERGROUP,
    TELEGRAM,
    ChatKind,
    JsonObject,
    Topic,
    units,
)
from telegram_service.emulators.telegram.rules import MAX_UNITS
from telegram_service.emulators.telegram.state import State


class People(State):
    """People's acts, each of which returns the update that it makes, delivered or not."""

    def say(
        self,
        chat: int,
        text: str,
        *,
        person: int | None = None,
        topic: int | None = None,
        reply_to: int | None = None,
        **more: Any,
    ) -> JsonObject:
        """Write a text as a person; return the update, delivered or not.

        An empty `text` is a message of another kind, whose content is in `more`. Clients trim what
        is typed, and split it at 4096.
        """
        if units(text) > MAX_UNITS:
            raise ValueError("a client splits a text this long")
        content: JsonObject = {}
        if text := text.strip():
            content = {"text": text, **_entities("entities", text)}
        sender = {"from": self._user(person or chat)}
        message = self._received(chat, sender, {**content, **more}, topic, reply_to)
        return self._queue_message(message, "message")

    def say_as_admin(self, chat: int, text: str, **more: Any) -> JsonObject:
        """Write as an administrator who remains anonymous (Message, "sender_chat": the group)."""
        sender = {"from": ANONYMOUS_ADMIN, "sender_chat": self.chat(chat).as_object()}
        content = {"text": text, **_entities("entities", text), **more}
        return self._queue_message(self._received(chat, sender, content), "message")

    def say_as_channel(self, chat: int, channel: int, text: str, **more: Any) -> JsonObject:
        """Write in a group on behalf of a channel (Message, "sender_chat": the channel)."""
        as_channel = self.chat(channel, "channel").as_object()
        sender = {"from": CHANNEL_SENDER, "sender_chat": as_channel}
        content = {"text": text, **_entities("entities", text), **more}
        return self._queue_message(self._received(chat, sender, content), "message")

    def post(self, channel: int, text: str) -> JsonObject:
        """Publish in a channel, and in its discussion group; return the group's update.

        Message, "is_automatic_forward": a post that was forwarded to the discussion group.
        Without such a group the channel's own update is returned.
        """
        as_channel = self.chat(channel, "channel").as_object()
        content = {"text": text, **_entities("entities", text)}
        post = self._received(channel, {"sender_chat": as_channel}, content)
        update = self._queue_message(post, "channel_post")
        group = self.chats[channel].linked
        if group is None:
            return update
        origin = {
            "type": "channel",
            "chat": as_channel,
            "message_id": post["message_id"],
            "date": post["date"],
        }
        sender = {"from": TELEGRAM, "sender_chat": as_channel}
        forwarded = {**content, "is_automatic_forward": True, "forward_origin": origin}
        return self._queue_message(self._received(group, sender, forwarded), "message")

    def attach(
        self,
        chat: int,
        name: str,
        content: bytes,
        caption: str = "",
        *,
        mime_type: str = "",
        size_told: bool = True,
        **more: Any,
    ) -> JsonObject:
        """Send a document; its name, type and size are optional (Document)."""
        told: JsonObject = {"file_id": self.upload(content), "file_unique_id": "u"}
        told |= {"file_name": name} if name else {}
        told |= {"mime_type": mime_type} if mime_type else {}
        told |= {"file_size": len(content)} if size_told else {}
        return self.send_media(chat, {"document": told}, caption, **more)

    def send_photo(self, chat: int, content: bytes, caption: str = "", **more: Any) -> JsonObject:
        """Send a picture (Message, "photo": available sizes)."""
        return self.send_media(chat, self.photo(content), caption, **more)

    def send_voice(
        self, chat: int, content: bytes, duration_s: int, caption: str = "", **more: Any
    ) -> JsonObject:
        """Send a voice note (Voice): OGG with Opus."""
        voice = {
            "file_id": self.upload(content), "file_unique_id": "u", "duration": duration_s,
            "mime_type": "audio/ogg", "file_size": len(content),
        }  # fmt: skip
        return self.send_media(chat, {"voice": voice}, caption, **more)

    def send_album(
        self, chat: int, contents: Sequence[JsonObject], caption: str = "", **more: Any
    ) -> list[JsonObject]:
        """Send several files at once: a message each, the caption with the first of them.

        Message, "media_group_id": the unique identifier of the album this message belongs to.
        """
        album = str(13_000_000_000 + next(self._account_ids))
        return [
            self.send_media(
                chat, content, caption if number == 0 else "", media_group_id=album, **more
            )
            for number, content in enumerate(contents)
        ]

    def send_media(
        self, chat: int, content: JsonObject, caption: str = "", **more: Any
    ) -> JsonObject:
        """Send something that may have a caption."""
        captioned = {"caption": caption, **_entities("caption_entities", caption)}
        return self.say(chat, "", **content, **(captioned if caption else {}), **more)

    def upload(self, content: bytes) -> str:
        """Keep a file on Telegram's side; return its file_id."""
        file_id = f"file{len(self.files)}"
        self.files[file_id] = content
        return file_id

    def photo(self, content: bytes) -> JsonObject:
        """Return a picture as a message's content: sizes of one file, the largest last."""
        file_id = self.upload(content)
        small = {"file_id": file_id, "file_unique_id": "s", "width": 90, "height": 67}
        large = {**small, "file_unique_id": "l", "width": 1280, "height": 960}
        return {"photo": [small, {**large, "file_size": len(content)}]}

    def change(self, update: JsonObject, text: str) -> JsonObject:
        """Edit the message of an update, as its writer."""
        message = {
            **{key: value for key, value in update["message"].items() if key != "entities"},
            "text": text,
            **_entities("entities", text),
            "edit_date": int(time.time()),
        }
        self.messages[message["chat"]["id"], message["message_id"]] = message
        return self._queue_message(message, "edited_message")

    def delete(self, chat: int, message_id: int) -> None:
        """Delete a message; bots are not told."""
        self.messages.pop((chat, message_id), None)

    def tap(
        self, chat: int, message_id: int, data: str, *, person: int | None = None, old: bool = False
    ) -> JsonObject:
        """Press a button; under an `old` message, only its id is told (InaccessibleMessage)."""
        message = self.messages[chat, message_id]
        if old:
            message = {"chat": message["chat"], "message_id": message_id, "date": 0}
        query = {
            "id": f"tap{next(self._account_ids)}",
            "from": self._user(person or chat),
            "chat_instance": "1",
            "message": message,
            "data": data,
        }
        self.callbacks[str(query["id"])] = time.monotonic()
        return self._queue({"callback_query": query})

    def open_topic(self, chat: int, name: str, *, person: int | None = None) -> int:
        """Open a topic and return its id, that of the service message which says so.

        ForumTopicCreated. Messages in a topic that reply to nothing come as replies to it.
        """
        number = self._next_id(chat)
        where = self.chat(chat)
        where.topics[number] = Topic(name)
        where.forum = where.forum or where.kind == "supergroup"
        created = {"forum_topic_created": {"name": name, "icon_color": 7322096}}
        sender = {"from": self._user(person or chat)}
        message = self._received(chat, sender, created, number, number=number)
        self._queue_message(message, "message")
        return number

    def delete_topic(self, chat: int, topic: int) -> None:
        """Delete a topic with its messages; bots are not told."""
        self.chats[chat].topics[topic].deleted = True
        gone = [
            key
            for key, message in self.messages.items()
            if key[0] == chat and message.get("message_thread_id") == topic
        ]
        for key in gone:
            del self.messages[key]

    def upgrade(self, chat: int, person: int) -> int:
        """Turn a basic group into a supergroup, and return its id.

        Message, "migrate_to_chat_id" and "migrate_from_chat_id": a service message in each.
        """
        new = int(f"{SUPERGROUP}{abs(chat):010d}")
        self.chat(new, "supergroup", title=self.chat(chat).title)
        self.chats[chat].moved_to = new
        sender = {"from": self._user(person)}
        message = self._received(chat, sender, {"migrate_to_chat_id": new})
        self._queue_message(message, "message")
        anonymous = {"from": ANONYMOUS_ADMIN, "sender_chat": self.chats[new].as_object()}
        message = self._received(new, anonymous, {"migrate_from_chat_id": chat})
        self._queue_message(message, "message")
        return new

    def change_membership(
        self, chat: int, status: str, *, person: int, kind: ChatKind | None = None, **rights: bool
    ) -> JsonObject:
        """Add, promote, restrict or remove the bot: it is told at every change (ChatMemberUpdated).

        In a private chat "kicked" means blocked, "member" unblocked.
        """
        new = chat not in self.chats
        where = self.chat(chat, kind)
        if new and where.kind != "private":
            where.bot_status = "left"
        before = where.bot_as_member()
        where.bot_status, where.bot_rights = status, rights
        if where.kind == "private" and status == "kicked":
            self.blocked.add(chat)
        else:
            self.blocked.discard(chat)
        changed = {
            "chat": where.as_object(),
            "from": self._user(person),
            "date": int(time.time()),
            "old_chat_member": before,
            "new_chat_member": where.bot_as_member(),
        }
        return self._queue({"my_chat_member": changed})


def _entities(name: str, text: str) -> JsonObject:
    found = found_entities(text)
    return {name: found} if found else {}
