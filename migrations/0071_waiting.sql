-- Why letters wait, where whoever asks finds it without reading history.

-- Written with each retry: what its last reply made of it (`greylist`, `throttle`, `retry`), and the class of that reply. Null
-- until a first reply, so letters that go at once cost nothing.
alter table postrider.queue add column waits_for text;
alter table postrider.queue add column last_class text;

-- Where a recipient domain's letters went last. Known from the first attempt on, and written only when it changes.
alter table postrider.lane add column site text;
alter table postrider.lane add column provider text;
