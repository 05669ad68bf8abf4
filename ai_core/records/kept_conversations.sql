-- name: begin
INSERT INTO conversations (name, began_at, owner, channel, language)
VALUES (:name, :at, :owner, :channel, :language) ON CONFLICT DO NOTHING

-- name: is_kept
SELECT EXISTS (SELECT FROM conversations WHERE name = :name)

-- name: add_turn
INSERT INTO turns (conversation, at, number, answer_id, sealed)
VALUES (:name, :at, :number, :answer_id, :sealed) ON CONFLICT DO NOTHING

-- name: read
SELECT at, number, answer_id, sealed FROM turns WHERE conversation = :name ORDER BY at, number

-- name: list
SELECT name, began_at, channel, language FROM conversations
WHERE began_at >= :since AND began_at < :before ORDER BY began_at DESC LIMIT :at_most

-- name: erase
WITH theirs AS (
    DELETE FROM conversations WHERE name = :name AND (:owner::bytea IS NULL OR owner = :owner)
    RETURNING name
), said AS (
    DELETE FROM turns WHERE conversation IN (SELECT name FROM theirs)
), asked AS (
    DELETE FROM questions WHERE conversation = :name AND (:owner::bytea IS NULL OR owner = :owner)
    RETURNING answer_id
), judged AS (
    UPDATE feedback SET comment = NULL, conversation = NULL, owner = NULL
    WHERE conversation = :name AND (:owner::bytea IS NULL OR owner = :owner)
    RETURNING answer_id
)
SELECT (SELECT count(*) FROM theirs) + (SELECT count(*) FROM asked)
    + (SELECT count(*) FROM judged)
