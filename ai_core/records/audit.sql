-- name: add
INSERT INTO audit (at, account_id, account_name, action, object, detail)
VALUES (:at, :account_id, :account_name, :action, :object, CAST(:detail AS jsonb));

-- name: page
SELECT id, at, account_id, account_name, action, object, detail FROM audit
WHERE (CAST(:account AS text) IS NULL OR account_name = :account)
  AND (CAST(:subject AS text) IS NULL OR action LIKE :subject || '.%')
  AND (CAST(:since AS timestamptz) IS NULL OR at >= :since)
  AND (CAST(:until AS timestamptz) IS NULL OR at < :until)
  AND (CAST(:before AS bigint) IS NULL OR id < :before)
ORDER BY id DESC
LIMIT :most;

-- name: names
SELECT DISTINCT account_name FROM audit ORDER BY account_name;
