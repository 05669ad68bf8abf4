"""Content of messages of every other kind, as the Bot API's types have it (Message): for tests.

Name and fields are the documentation's; the values are made up. A message of such a kind is
`account.say(chat, "", **CONTENTS[name])`.
"""

from collections.abc import Mapping

from telegram_service.emulators.telegram.objects import JsonObject

FILE: JsonObject = {"file_id": "f", "file_unique_id": "u", "file_size": 2_048}

CONTENTS: Mapping[str, JsonObject] = {
    "animation": {"animation": {**FILE, "width": 320, "height": 240, "duration": 2}},
    "audio": {"audio": {**FILE, "duration": 63, "mime_type": "audio/mpeg", "title": "Réunion"}},
    "checklist": {"checklist": {"title": "Pièces", "tasks": [{"id": 1, "text": "Contrat"}]}},
    "contact": {"contact": {"phone_number": "+33199000000", "first_name": "Exemple"}},
    "dice": {"dice": {"emoji": "🎯", "value": 4}},
    "game": {"game": {"title": "Quiz", "description": "Un jeu", "photo": [FILE]}},
    "giveaway": {
        "giveaway": {"chats": [], "winners_selection_date": 1_900_000_000, "winner_count": 1}
    },
    "invoice": {
        "invoice": {
            "title": "Don", "description": "Merci", "start_parameter": "", "currency": "EUR",
            "total_amount": 500,
        }
    },
    "location": {"location": {"latitude": 45.76, "longitude": 4.84}},
    "paid_media": {"paid_media": {"star_count": 5, "paid_media": [{"type": "preview"}]}},
    "poll": {
        "poll": {
            "id": "1", "question": "Grève jeudi ?", "total_voter_count": 0, "is_closed": False,
            "is_anonymous": True, "type": "regular", "allows_multiple_answers": False,
            "options": [{"text": "Oui", "voter_count": 0}, {"text": "Non", "voter_count": 0}],
        }
    },
    "sticker": {
        "sticker": {
            **FILE, "type": "regular", "width": 512, "height": 512, "is_animated": False,
            "is_video": False, "emoji": "🙏",
        }
    },
    "story": {"story": {"chat": {"id": -1_009_000_000_001, "type": "channel"}, "id": 7}},
    "venue": {
        "venue": {
            "location": {"latitude": 43.3, "longitude": 5.37}, "title": "Conseil de prud'hommes",
            "address": "Marseille",
        }
    },
    "video": {"video": {**FILE, "width": 640, "height": 480, "duration": 12}},
    "video_note": {"video_note": {**FILE, "length": 240, "duration": 9}},
    "voice": {"voice": {**FILE, "duration": 6, "mime_type": "audio/ogg"}},
}  # fmt: skip
