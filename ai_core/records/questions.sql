-- name: to_improve
WITH verdicts AS (
    SELECT answer_id, count(*) FILTER (WHERE verdict = 'down') AS down,
        count(*) FILTER (WHERE verdict = 'up') AS up
    FROM feedback WHERE at >= :since GROUP BY answer_id
)
SELECT events.at, events.answer_id, channel, language, topic, events.entry, confidence, outcome,
    reason, coalesce(down, 0) AS down, coalesce(up, 0) AS up, sealed, accuracy,
    question_reviews.entry AS drafted, coalesce(closed, false) AS closed
FROM events
LEFT JOIN verdicts ON verdicts.answer_id = events.answer_id
LEFT JOIN questions ON questions.answer_id = events.answer_id
LEFT JOIN question_reviews ON question_reviews.answer_id = events.answer_id
WHERE events.at >= :since
  AND (CAST(:before AS timestamptz) IS NULL OR events.at < :before)
  AND ((:refused AND outcome = 'refused')
    OR (:unsure AND confidence IN ('low', 'none') AND outcome <> 'refused')
    OR (:disliked AND coalesce(down, 0) > 0))
  AND (:all_of_them OR NOT coalesce(closed, false))
ORDER BY events.at DESC
LIMIT :most

-- name: one
SELECT events.at, events.answer_id, channel, language, topic, events.entry, confidence, outcome,
    reason,
    (SELECT count(*) FROM feedback WHERE answer_id = :answer_id AND verdict = 'down') AS down,
    (SELECT count(*) FROM feedback WHERE answer_id = :answer_id AND verdict = 'up') AS up,
    sealed, accuracy, question_reviews.entry AS drafted, coalesce(closed, false) AS closed
FROM events
LEFT JOIN questions ON questions.answer_id = events.answer_id
LEFT JOIN question_reviews ON question_reviews.answer_id = events.answer_id
WHERE events.answer_id = :answer_id

-- name: remarks
SELECT reason, comment FROM feedback
WHERE answer_id = :answer_id AND verdict = 'down' AND (reason IS NOT NULL OR comment IS NOT NULL)
ORDER BY at DESC LIMIT 20

-- name: judge
INSERT INTO question_reviews (answer_id, at, accuracy) VALUES (:answer_id, :now, :accuracy)
ON CONFLICT (answer_id) DO UPDATE SET accuracy = EXCLUDED.accuracy, at = EXCLUDED.at

-- name: link
INSERT INTO question_reviews (answer_id, at, entry) VALUES (:answer_id, :now, :entry)
ON CONFLICT (answer_id) DO UPDATE SET entry = EXCLUDED.entry, at = EXCLUDED.at

-- name: close
INSERT INTO question_reviews (answer_id, at, closed) VALUES (:answer_id, :now, :closed)
ON CONFLICT (answer_id) DO UPDATE SET closed = EXCLUDED.closed, at = EXCLUDED.at

-- name: accuracy
SELECT accuracy, count(*) AS judged FROM question_reviews
WHERE at >= :since AND accuracy IS NOT NULL GROUP BY accuracy
