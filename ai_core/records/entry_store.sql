-- name: entries
SELECT topic_id, published, changed_at,
    (SELECT max(version) FROM entry_versions WHERE entry_versions.topic_id = entries.topic_id) AS newest
FROM entries ORDER BY topic_id

-- name: versions
SELECT version, saved_by, saved_at FROM entry_versions WHERE topic_id = :topic_id
ORDER BY version DESC

-- name: latest
SELECT DISTINCT ON (topic_id) topic_id, version, body, saved_by, saved_at,
    version IS NOT DISTINCT FROM published AS answers
FROM entry_versions JOIN entries USING (topic_id)
ORDER BY topic_id, version DESC

-- name: history
SELECT topic_id, version, body, saved_by, saved_at,
    version IS NOT DISTINCT FROM published AS answers
FROM entry_versions JOIN entries USING (topic_id)
WHERE topic_id = :topic_id ORDER BY version DESC

-- name: read
SELECT version, body, saved_by, saved_at FROM entry_versions
WHERE topic_id = :topic_id AND (:version::integer IS NULL OR version = :version)
ORDER BY version DESC LIMIT 1

-- name: touch
INSERT INTO entries (topic_id, changed_at) VALUES (:topic_id, :now)
ON CONFLICT (topic_id) DO UPDATE SET changed_at = EXCLUDED.changed_at

-- name: add_version
INSERT INTO entry_versions (topic_id, version, body, saved_by, saved_at)
SELECT :topic_id, coalesce(max(version), 0) + 1, :body::jsonb, :saved_by, :now
FROM entry_versions WHERE topic_id = :topic_id
RETURNING version

-- name: publish
UPDATE entries SET published = :version, changed_at = :now WHERE topic_id = :topic_id
AND EXISTS (
    SELECT FROM entry_versions WHERE topic_id = :topic_id AND version = :version
)
RETURNING topic_id

-- name: withdraw
UPDATE entries SET published = NULL, changed_at = :now WHERE topic_id = :topic_id
RETURNING topic_id

-- name: published
SELECT topic_id, body FROM entry_versions JOIN entries USING (topic_id)
WHERE version = published ORDER BY topic_id

-- name: stamp
SELECT coalesce(md5(string_agg(
    concat_ws(' ', topic_id, version, extract(epoch FROM saved_at)), ',' ORDER BY topic_id
)), '')
FROM entry_versions JOIN entries USING (topic_id) WHERE version = published
