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
