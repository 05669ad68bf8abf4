-- name: add
INSERT INTO accounts (name, role, password_hash, oidc_issuer, oidc_subject, language, created_at)
VALUES (:name, :role, :password_hash, :oidc_issuer, :oidc_subject, :language, :now)
ON CONFLICT DO NOTHING
RETURNING *;

-- name: by_id
SELECT * FROM accounts WHERE id = :id;

-- name: by_name
SELECT * FROM accounts WHERE name = :name;

-- name: by_identity
SELECT * FROM accounts WHERE oidc_issuer = :issuer AND oidc_subject = :subject;

-- name: all
SELECT * FROM accounts ORDER BY disabled_at IS NOT NULL, name;

-- name: lock_owners
SELECT id FROM accounts WHERE role = 'owner' AND disabled_at IS NULL ORDER BY id FOR UPDATE;

-- name: set_role
UPDATE accounts SET role = :role WHERE id = :id;

-- name: set_password
UPDATE accounts SET password_hash = :password_hash WHERE id = :id;

-- name: set_second_factor
UPDATE accounts SET totp_sealed = :totp_sealed WHERE id = :id;

-- name: set_language
UPDATE accounts SET language = :language WHERE id = :id;

-- name: set_disabled
UPDATE accounts SET disabled_at = :disabled_at WHERE id = :id;

-- name: signed_in
UPDATE accounts SET last_login_at = :now WHERE id = :id;

-- name: drop_recovery_codes
DELETE FROM recovery_codes WHERE account_id = :id;

-- name: add_recovery_codes
INSERT INTO recovery_codes (account_id, digest)
SELECT :id, digest FROM unnest(CAST(:digests AS bytea[])) AS digest;

-- name: use_recovery_code
DELETE FROM recovery_codes WHERE account_id = :id AND digest = :digest RETURNING digest;

-- name: count_recovery_codes
SELECT count(*) AS left FROM recovery_codes WHERE account_id = :id;
