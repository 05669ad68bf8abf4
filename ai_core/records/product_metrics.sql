-- name: verdicts
SELECT events.channel, events.language, verdict, count(*) AS given
FROM feedback JOIN events USING (answer_id)
WHERE events.at >= :since GROUP BY 1, 2, 3 ORDER BY 1, 2, 3

-- name: reviews
SELECT accuracy, count(*) AS judged FROM question_reviews
WHERE at >= :since AND accuracy IS NOT NULL GROUP BY 1 ORDER BY 1
