-- name: lock_questions
-- A sealed value begins with the 4 bytes that identify its key.
SELECT answer_id, sealed FROM questions WHERE substr(sealed, 1, 4) = ANY(:older)
ORDER BY answer_id LIMIT :limit FOR UPDATE

-- name: reseal_questions
UPDATE questions SET sealed = :sealed WHERE answer_id = :answer_id

-- name: lock_feedback
SELECT answer_id, caller, comment AS sealed FROM feedback WHERE substr(comment, 1, 4) = ANY(:older)
ORDER BY answer_id, caller LIMIT :limit FOR UPDATE

-- name: reseal_feedback
UPDATE feedback SET comment = :sealed WHERE answer_id = :answer_id AND caller = :caller

-- name: lock_turns
SELECT conversation, at, number, sealed FROM turns WHERE substr(sealed, 1, 4) = ANY(:older)
ORDER BY conversation, at, number LIMIT :limit FOR UPDATE

-- name: reseal_turns
UPDATE turns SET sealed = :sealed
WHERE conversation = :conversation AND at = :at AND number = :number

-- name: lock_accounts
SELECT id, totp_sealed AS sealed FROM accounts WHERE substr(totp_sealed, 1, 4) = ANY(:older)
ORDER BY id LIMIT :limit FOR UPDATE

-- name: reseal_accounts
UPDATE accounts SET totp_sealed = :sealed WHERE id = :id
