"""The errors of mail_service.

AppError
├── NotFound           UnknownMail         404  unknown_mail        no mail by that number
├── Conflict           NotReviewable       409  not_reviewable      nothing to decide on that mail
├── Unavailable        MailboxLost         503  mailbox_lost        the IMAP server does not answer
├── Unavailable        SpamFilterLost      503  spam_filter_lost    rspamd does not answer
├── Unavailable        NameServerLost      503  name_server_lost    the resolver does not answer
├── Unavailable        ScanReaderBusy     503  scan_reader_busy    other pictures are read before
├── Unavailable        AiTooSlow           503  ai_too_slow         no answer in the time we give it
├── TooMany            TotalRateReached    429  all_must_wait       total rate of replies reached
├── NotAllowed         LoginRefused        403  login_refused       the IMAP server refuses us
├── NotAllowed         FolderRefused       403  folder_refused      the IMAP server refuses a folder
├── BadInput           NotWritable         422  not_writable        no address to write to
├── BadInput           ChangedQuotation    422  changed_quotation   an edited reply misquotes
└── AppError           Unreadable          500  unreadable_mail     the reading child gave up
"""

from shared.errors import AppError, BadInput, Conflict, NotAllowed, NotFound, TooMany, Unavailable


class UnknownMail(NotFound):
    """No mail has that number."""

    code = "unknown_mail"


class NotReviewable(Conflict):
    """The mail's state does not allow that decision."""

    code = "not_reviewable"


class MailboxLost(Unavailable):
    """The IMAP server does not answer; the connection is not used again."""

    code = "mailbox_lost"


class SpamFilterLost(Unavailable):
    """The spam filter does not answer."""

    code = "spam_filter_lost"


class ScanReaderBusy(Unavailable):
    """The pictures of other mails are read before these."""

    code = "scan_reader_busy"


class NameServerLost(Unavailable):
    """The resolver of domain names does not answer."""

    code = "name_server_lost"


class LoginRefused(NotAllowed):
    """The IMAP server refuses our name or password."""

    code = "login_refused"


class FolderRefused(NotAllowed):
    """The IMAP server answers NO to a command: a folder is missing, full or not ours."""

    code = "folder_refused"


class TotalRateReached(TooMany):
    """We have written as many replies as we may for now."""

    code = "all_must_wait"


class Unreadable(AppError):
    """The child process that reads mail crashed or took too long on this one."""

    code = "unreadable_mail"


class NotWritable(BadInput):
    """The mail has no address to reply to."""

    code = "not_writable"


class ChangedQuotation(BadInput):
    """An edited reply quotes what is in none of its sources."""

    code = "changed_quotation"


class AiTooSlow(Unavailable):
    """ai_core gave no answer in the time we give it."""

    code = "ai_too_slow"
