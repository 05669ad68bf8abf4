-- name: by_hour
SELECT date_trunc('hour', at, 'Europe/Paris') AS hour, count(*) AS answers,
    count(*) FILTER (WHERE outcome = 'refused') AS refused,
    count(*) FILTER (WHERE outcome = 'failed') AS failed
FROM events WHERE at >= :since AND at < :until GROUP BY 1 ORDER BY 1

-- name: by_value
SELECT coalesce(CASE :by
        WHEN 'language' THEN language WHEN 'channel' THEN channel WHEN 'topic' THEN topic
        WHEN 'confidence' THEN confidence WHEN 'outcome' THEN outcome WHEN 'model' THEN model
        WHEN 'entry' THEN entry WHEN 'reason' THEN reason
    END, '') AS value,
    count(*) AS answers, sum(up)::integer AS up, sum(down)::integer AS down
FROM (
    SELECT events.*,
        (SELECT count(*) FROM feedback f WHERE f.answer_id = events.answer_id AND verdict = 'up') AS up,
        (SELECT count(*) FROM feedback f WHERE f.answer_id = events.answer_id AND verdict = 'down') AS down
    FROM events WHERE at >= :since AND at < :until
) AS judged
GROUP BY 1 ORDER BY 2 DESC, 1

-- name: totals
SELECT count(*) AS answers,
    count(*) FILTER (WHERE outcome = 'refused') AS refused,
    count(*) FILTER (WHERE outcome = 'failed') AS failed,
    count(*) FILTER (WHERE confidence IN ('low', 'none')) AS unsure,
    count(*) FILTER (WHERE cached) AS cached,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE NOT cached) AS p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE NOT cached) AS p95_ms
FROM events WHERE at >= :since AND at < :until

-- name: verdicts
SELECT count(*) FILTER (WHERE verdict = 'up') AS up, count(*) FILTER (WHERE verdict = 'down') AS down
FROM feedback JOIN events USING (answer_id)
WHERE events.at >= :since AND events.at < :until

-- name: to_improve
SELECT events.*, sealed,
    (SELECT count(*) FROM feedback f WHERE f.answer_id = events.answer_id AND verdict = 'down') AS down,
    ARRAY(SELECT f.reason FROM feedback f WHERE f.answer_id = events.answer_id
        AND f.reason IS NOT NULL ORDER BY f.at) AS reasons,
    ARRAY(SELECT f.comment FROM feedback f WHERE f.answer_id = events.answer_id
        AND f.comment IS NOT NULL ORDER BY f.at) AS comments
FROM events LEFT JOIN questions USING (answer_id)
WHERE events.at >= :since AND events.at < :before AND (
    (:refused AND outcome = 'refused')
    OR (:unsure AND confidence IN ('low', 'none'))
    OR (:disliked AND EXISTS (
        SELECT FROM feedback f WHERE f.answer_id = events.answer_id AND verdict = 'down'
    ))
)
ORDER BY events.at DESC LIMIT :at_most
