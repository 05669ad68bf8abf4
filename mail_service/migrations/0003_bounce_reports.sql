-- A bounce encloses our letter, and so what a person wrote: it is erased with their mail.
ALTER TABLE mails ADD COLUMN reports_on bigint;
CREATE INDEX mails_by_reported ON mails (reports_on) WHERE reports_on IS NOT NULL;
