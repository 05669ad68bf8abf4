-- The sides of the experiments an answer was part of, as NAME=on or NAME=off.
ALTER TABLE events ADD COLUMN variants text[] NOT NULL DEFAULT '{}';
