-- From which source a letter should leave next, because its receiver remembers the one that it greylisted (RFC 6647 section
-- 3.1). Null for every other letter, so it costs a bit in the row's null map and nothing else.
alter table postrider.queue add column source text;
