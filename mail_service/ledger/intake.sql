-- name: is_erased
SELECT EXISTS (SELECT FROM tombstones WHERE identity = :identity)

-- name: insert_mail
INSERT INTO mails (mailbox, identity, state, size_bytes, raw_sealed, received_at, next_at)
VALUES (:mailbox, :identity, 'received', :size_bytes, :raw_sealed, :now, :now)
ON CONFLICT (mailbox, identity) DO NOTHING
RETURNING id

-- name: find_mail
SELECT id FROM mails WHERE mailbox = :mailbox AND identity = :identity

-- name: insert_location
INSERT INTO sightings (mailbox, folder, uid_validity, uid, mail_id, seen_at)
VALUES (:mailbox, :folder, :uid_validity, :uid, :mail_id, :now)
ON CONFLICT DO NOTHING

-- name: known_uids
SELECT uid FROM sightings
WHERE mailbox = :mailbox AND folder = :folder AND uid_validity = :uid_validity
