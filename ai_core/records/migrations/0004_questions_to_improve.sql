-- What editors made of a question; no words of people stand here.
CREATE TABLE question_reviews (
    answer_id text PRIMARY KEY,
    at timestamptz NOT NULL,
    accuracy text CHECK (accuracy IN ('right', 'partly', 'wrong')),
    entry text,
    closed boolean NOT NULL DEFAULT false
);

CREATE INDEX question_reviews_by_time ON question_reviews (at);
CREATE INDEX events_to_improve ON events (at)
WHERE outcome = 'refused' OR confidence IN ('low', 'none');
