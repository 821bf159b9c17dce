-- Whose claim a letter was under when it was put in doubt, and not leased since: that holder's late word still counts.
-- Both columns are null for every letter that nobody doubts, so they cost a bit in the row's null map and nothing else.
alter table postrider.queue add column in_doubt_lease uuid;
alter table postrider.letter add column in_doubt_lease uuid;
