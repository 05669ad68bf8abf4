"""Who is not answered, and above all who is."""

from dataclasses import replace
from email.message import EmailMessage

import pytest

from mail_service.ledger.records import History
from mail_service.reading.message import read_mail
from mail_service.rules import reasons_not_to_answer
from mail_service.rules.context import RuleContext
from mail_service.settings import RuleThresholds
from tests.bench.mail import false_silence
from tests.mail_service.mails import US, raw_mail

CONTEXT = RuleContext(
    addresses=frozenset({US}),
    is_our_message_id=lambda name: name.startswith("<r-ours"),
    limits=RuleThresholds(public_domains=("gmail.example",)),
)


def fired(
    context: RuleContext = CONTEXT, body: str = "Bonjour, quel préavis ?", **fields: str
) -> list[str]:
    return [
        str(each) for each in reasons_not_to_answer(read_mail(raw_mail(body, **fields)), context)
    ]


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"Auto_Submitted": "auto-generated (rejected)"}, "automatic:A1"),
        ({"Auto_Submitted": "auto-replied; owner-email=x"}, "automatic:A1"),
        ({"Return_Path": "<>"}, "bounce:A2"),
        ({"Precedence": "bulk"}, "bulk:A4"),
        ({"X_Precedence": "auto_reply"}, "bulk:A4"),
        ({"List_Unsubscribe": "<mailto:x@y>"}, "bulk:A5"),
        ({"X_Autoreply": "yes"}, "automatic:A5"),
        ({"X_Failed_Recipients": "a@b"}, "bounce:A3"),
        ({"sender": "MAILER-DAEMON@x.example"}, "bounce:A7"),
        ({"sender": "no-reply+7@x.example"}, "robot:A7"),
        ({"sender": "nepasrepondre@x.example"}, "robot:A7"),
        ({"sender": "do_not.reply2@x.example"}, "robot:A7"),
        ({"sender": "gmail-noreply@x.example", "Feedback_ID": "1:gmail"}, "robot:A7"),
        (
            {"sender": "noreply.orders@x.example", "Return_Path": "<b+7@sendgrid.example>"},
            "robot:A7",
        ),
        ({"sender": "Mail Delivery System <a@x.example>"}, "bounce:A7"),
        ({"sender": "list-request@x.example", "Errors_To": "list-owner@x.example"}, "robot:A7"),
        ({"Reply_To": "noreply@x.example"}, "robot:A7"),
        ({"subject": "Absence du bureau : congés"}, "out_of_office:A8"),
        ({"subject": "[Support] Automatic reply: x"}, "out_of_office:A8"),
        ({"subject": "=?utf-8?Q?R=C3=A9ponse_automatique?="}, "out_of_office:A8"),
        ({"subject": "Undeliverable: x"}, "bounce:A8"),
        ({"subject": "Échec de la remise"}, "bounce:A8"),
        ({"subject": "Absente Re: Préavis de démission"}, "out_of_office:A8"),
        ({"subject": "En congés jusqu'au 4 RE: Mon contrat"}, "out_of_office:A8"),
        ({"sender": US, "Reply_To": US}, "ours:A9"),
        ({"sender": f"Nous <{US.replace('@', '+x@')}>"}, "ours:A9"),
        ({"message_id": "<r-ours.1@neo.example>"}, "ours:A10"),
        ({"X_Neo_Loop": "neo.example"}, "ours:A10"),
        ({"to": "autre@x.example"}, "elsewhere:A12"),
        ({"sender": "pas d'adresse"}, "robot:A7"),
    ],
)
def test_a_machine_is_recognised(fields: dict[str, str], rule: str) -> None:
    assert fired(CONTEXT, "Je reviens le 3 mars.", **fields)[0] == rule


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"subject": "Absence injustifiée"},
        {"subject": "Avertissement reçu ce matin"},
        {"subject": "Absence pour maladie et salaire"},
        {"subject": "Re: délai de remise du solde de tout compte"},
        {"sender": "mtardieu@personne.example"},
        {"sender": "postmaster.fan@personne.example"},
        {"sender": "bouncer@club.example"},
        {"Auto_Submitted": "no"},
        {"Return_Path": "<camille@personne.example>"},
        {"X_Auto_Response_Suppress": "DR, OOF, AutoReply"},
        {"Feedback_ID": "1:gmail"},
        {"X_Loop": "liste@entreprise.example"},
        {"subject": "Absente depuis lundi : suis-je payée ?"},
        {"subject": "Rappel : ma demande de congés"},
        {"subject": "Lu et approuvé : cette mention est-elle obligatoire ?"},
        {"to": f"<{US.replace('@', '+dossier7@')}>"},
        {"to": "chef@x.example", "Cc": US},
        {"Delivered_To": US, "to": "undisclosed-recipients:;"},
    ],
)
def test_a_person_is_answered(fields: dict[str, str]) -> None:
    assert fired(CONTEXT, **fields) == []


@pytest.mark.parametrize(
    "sender",
    [
        "noreply.please@personne.example",
        "no-reply.from.boss@personne.example",
        "noreply2boss@personne.example",
        "shop-owner@boulangerie.example",
        "owner.marie@bar.example",
        "holiday.request@personne.example",
    ],
)
def test_an_address_with_more_words_than_a_robots_is_answered(sender: str) -> None:
    path = {"Return_Path": f"<{sender}>"}
    assert fired(sender=sender) == []
    assert (
        fired(CONTEXT, "Mon employeur ignore ma lettre recommandée.", sender=sender, **path) == []
    )


@pytest.mark.parametrize(
    "body",
    [
        "Votre commande est partie. Merci de ne pas répondre à ce message.",
        "Your parcel is on its way. This is an automated message.",
        "本邮件由系统自动发送，请勿回复。",
        "กรุณาอย่าตอบกลับอีเมลนี้",
    ],
)
def test_a_text_says_that_a_machine_sends_it(body: str) -> None:
    assert fired(CONTEXT, body, sender="orders-noreply@x.example") == ["robot:A7"]


def test_a_mail_that_neither_asks_nor_tells_what_it_is_is_for_a_person() -> None:
    mail = read_mail(raw_mail("Colis livré ce jour.", sender="orders-noreply@x.example"))
    [finding] = reasons_not_to_answer(mail, CONTEXT)
    assert (str(finding), finding.action) == ("machine:A7d", "quarantined")


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (
            "Non remis : mon certificat de travail",
            "Quel recours si mon employeur ne l'envoie pas ?",
        ),
        ("Absence du bureau sans prévenir", "Mon chef peut-il me sanctionner ?"),
        ("Auto : accident de service", "Qui paie les réparations, mon employeur ?"),
        ("Out of office hours calls", "Can my boss call me at night?"),
        (
            "Message automatique de paie",
            "Mon bulletin arrive par mail, mon employeur a-t-il le droit ?",
        ),
    ],
)
def test_a_subject_like_a_robots_above_a_question_of_work_is_answered(
    subject: str, body: str
) -> None:
    assert fired(CONTEXT, body, subject=subject) == []
    assert fired(CONTEXT, "Je reviens le 3.", subject=subject) != []


def test_blocked_and_not_allowed_senders_are_not_answered() -> None:
    blocked = replace(CONTEXT, blocked=("@personne.example",))
    assert fired(blocked) == ["sender:blocked"]
    allowed = replace(CONTEXT, allowed=("@entreprise.example",))
    assert fired(allowed) == ["sender:not-allowed"]
    assert fired(allowed, sender="a@paris.entreprise.example") == []


@pytest.mark.parametrize(
    ("history", "rule"),
    [
        (History(from_sender_hour=11), "quota:sender-hour"),
        (History(from_sender_day=31), "quota:sender-day"),
        (History(replies_to_conversation_day=3), "brake:conversation"),
        (History(replies_to_sender_3_hours=10), "brake:sender"),
        (History(replies_to_domain_hour=60), "brake:domain"),
        (History(replies_to_sender_hour=3), "pace:sender-hour"),
        (History(same_words_day=1), "brake:same-words"),
    ],
)
def test_enough_is_enough(history: History, rule: str) -> None:
    context = replace(CONTEXT, history=history, limits=CONTEXT.limits)
    assert fired(context) == [rule]


def test_the_limit_by_domain_does_not_apply_to_public_providers() -> None:
    history = History(replies_to_domain_hour=500)
    context = replace(CONTEXT, history=history, limits=CONTEXT.limits)
    assert fired(context, sender="x@gmail.example") == []


def test_a_spam_filter_that_is_down_leaves_it_to_a_person() -> None:
    context = replace(CONTEXT, spam_score=None)
    assert fired(context) == ["spam:spam-unknown"]


def test_of_two_hundred_mails_of_people_none_is_silenced() -> None:
    assert false_silence() == {"letters": 200, "silenced": []}


def test_a_cry_for_help_is_answered_whatever_the_senders_quota() -> None:
    over = replace(
        CONTEXT,
        history=History(from_sender_hour=11, from_sender_day=31, replies_to_sender_hour=3),
    )

    assert fired(over, body="Je n'en peux plus, je veux mourir.") == []
    assert fired(over, body="Mon contrat va mourir.") != []


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL", "COUNTER", "REPLY"])
def test_calendars_talk_to_each_other(method: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "camille@personne.example", US, "Entretien"
    mail.set_content("Réunion Microsoft Teams")
    mail.add_alternative(f"BEGIN:VCALENDAR\nMETHOD:{method}\nEND:VCALENDAR", "calendar")
    read = read_mail(mail.as_bytes())
    assert str(reasons_not_to_answer(read, CONTEXT)[0]) == "automatic:A11"
    del mail["Subject"]
    mail["Subject"] = "TR: Entretien"
    assert reasons_not_to_answer(read_mail(mail.as_bytes()), CONTEXT) == ()


def test_a_reaction_is_no_letter() -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "camille@personne.example", US, "Re: Préavis"
    mail.set_content("👍\n\nCamille Durand a réagi via Gmail")
    reaction = b'{"emoji":"+1","version":1}'
    mail.add_alternative(reaction, "text", "vnd.google.email-reaction+json")
    read = read_mail(mail.as_bytes())
    assert str(reasons_not_to_answer(read, CONTEXT)[0]) == "automatic:A6"


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Lu : Re: Préavis", "Votre message\n\nÀ : Nous\n\na été lu le vendredi 20 novembre 2026."),
        ("Read: Notice period", "Your message\n\nTo: Us\n\nwas read on Friday, 20 November 2026."),
        ("Non lu : Préavis", "Votre message a été supprimé sans être lu le 20 novembre 2026."),
        ("Rappel : Préavis", "Camille Durand souhaite rappeler le message « Préavis »."),
        ("Recall: Notice", 'Camille Durand would like to recall the message, "Notice".'),
    ],
)
def test_receipts_and_recalls_are_no_letters(subject: str, body: str) -> None:
    assert fired(body=body, subject=subject)[0] == "notice:A14"
    assert fired(body=f"{body}\n\nQu'est-ce que cela veut dire ?", subject=subject) == []


def test_a_person_looks_at_what_came_through_a_form_or_a_group() -> None:
    form = {"sender": f"Site <{US}>", "Reply_To": "Camille <camille@personne.example>"}
    group = {
        "sender": f"'Camille' via Questions <{US}>",
        "Reply_To": "camille@personne.example",
        "X_Google_Group_Id": "12345",
        "X_Original_From": "Camille <camille@personne.example>",
        "List_Id": "<questions.neo.example>",
        "Precedence": "list",
    }
    assert fired(CONTEXT, **form)[0] == "indirect:A9f"
    assert "indirect:A5g" in fired(CONTEXT, **{**group, "sender": "g@groups.example"})
    for fields in (form, group):
        [finding, *_] = reasons_not_to_answer(
            read_mail(raw_mail("Un préavis ?", **fields)), CONTEXT
        )
        assert finding.action == "quarantined"


OURS = {"In_Reply_To": "<r-ours.1@neo.example>", "subject": "Re: Quel préavis ?"}
COURTESIES = [
    "Merci beaucoup, c'est très clair !",
    "ok noté",
    "Bonjour,\n\nJe vous remercie pour votre réponse rapide et précise.\n\n"
    "Cordialement,\nCamille Durand\n06 12 34 56 78",
    "Bonjour Madame, merci pour votre aide.\nBonne journée\nCamille",
    "thanks a lot!",
    "Hello,\nThank you very much for your quick reply, that's very clear.\nKind regards,\nCamille",
    "ขอบคุณมากค่ะ ชัดเจนแล้ว",
    "สวัสดีค่ะ\nขอบคุณสำหรับคำตอบค่ะ",
    "您好，\n谢谢您的解答，很清楚了！",
    "收到",
    "👍",
    "Merci !\n\nLe mar. 3 nov. 2026 à 10:02, Neo <q@neo.example> a écrit :\n> Un mois.\n> Cadre ?",
    "Parfait, merci.\n\nEnvoyé de mon iPhone",
]


@pytest.mark.parametrize("body", COURTESIES)
def test_thanks_for_our_letter_are_not_answered(body: str) -> None:
    assert fired(CONTEXT, body, **OURS) == ["courtesy:A15"]
    assert fired(body=body) == []
    assert fired(body=body, subject="Re: congés") == ["courtesy:A15"]


@pytest.mark.parametrize(
    "body",
    [
        "Merci beaucoup, c'est très clair ! Et pour un cadre ?",
        "Merci, mais ce n'est pas clair.",
        "ok noté, et si je suis en CDD",
        "Merci.\n\nCordialement,\nCamille\n\nPS : quel préavis pour un cadre ?",
        "Merci.\n\nCordialement,\nCamille\n\nJ'ai oublié de vous dire que je suis cadre et que mon"
        " contrat a été rompu le 3 mars dernier par écrit.",
        "thanks, one more thing: my bonus",
        "ขอบคุณค่ะ แล้วค่าชดเชยล่ะ",
        "谢谢，那工资呢",
        "oui",
        "Cadre",
        "Bonjour,",
    ],
)
def test_a_question_beside_thanks_is_answered(body: str) -> None:
    assert fired(CONTEXT, body, **OURS) == []


@pytest.mark.parametrize(
    "subject", ["Et pour un cadre ?", "EFFACER MES DONNÉES", f"Re: Confirmez [{'a2' * 13}]"]
)
def test_a_new_subject_or_the_code_of_a_request_is_more_than_thanks(subject: str) -> None:
    for body in ("Merci !", AWAY[0], "Je suis absente du 3 au 10 mars."):
        assert fired(CONTEXT, body, **{**OURS, "subject": subject}) == []


AWAY = [
    "Bonjour,\nJe suis absente du 3 au 10 mars. Pour toute urgence, contactez mon collègue.",
    "Je suis actuellement en congés jusqu'au 12 août. Je vous répondrai à mon retour.",
    "Votre message a bien été reçu. Je suis absent du bureau jusqu'au 5 janvier.",
    "I am out of the office until 5 January with limited access to e-mail.",
    "Thank you for your message. I'm on annual leave and will reply when I return.",
    "ขณะนี้ฉันไม่อยู่ที่สำนักงานจนถึงวันที่ 10 มีนาคม",
    "ดิฉันลาพักร้อนถึงวันที่ 10 มีนาคม หากมีเรื่องด่วนโปรดติดต่อเพื่อนร่วมงาน",
    "您好，我目前休假至3月10日，紧急事宜请联系我的同事。",
    "我不在办公室，3月10日返回后回复您。",
]


@pytest.mark.parametrize("body", AWAY)
def test_an_absence_told_in_the_text_is_not_answered(body: str) -> None:
    assert fired(CONTEXT, body, **OURS) == ["out_of_office:A8"]
    assert fired(body=body) == []


@pytest.mark.parametrize(
    "body",
    [
        "Je suis absente du 3 au 10 mars et mon employeur exige que je réponde aux urgences.",
        "Je suis en congés et on me contacte tous les jours. Est-ce permis ?",
        "I am on sick leave until 5 January and my boss contacts me every day.",
        "ฉันลางานอยู่ นายจ้างติดต่อมาทุกวัน",
        "我正在休假，老板每天联系我。",
        "Je suis en arrêt depuis le 3 mars.",
    ],
)
def test_who_writes_of_an_absence_at_work_is_answered(body: str) -> None:
    assert fired(CONTEXT, body, **OURS) == []


def test_an_absence_with_its_dates_alone_is_for_a_person() -> None:
    assert fired(CONTEXT, "Je suis absente du 3 au 10 mars.", **OURS) == ["absence:A8d"]
