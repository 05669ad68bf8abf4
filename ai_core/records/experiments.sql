-- name: sides
SELECT side, count(*) AS answers, sum(up)::integer AS up, sum(down)::integer AS down
FROM (
    SELECT unnest(variants) AS side,
        (SELECT count(*) FROM feedback f WHERE f.answer_id = events.answer_id AND verdict = 'up') AS up,
        (SELECT count(*) FROM feedback f WHERE f.answer_id = events.answer_id AND verdict = 'down') AS down
    FROM events WHERE at >= :since AND at < :until AND variants <> '{}'
) AS judged
GROUP BY 1 ORDER BY 1
