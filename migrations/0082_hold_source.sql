-- Holds on a source. A program that does not know the kind leaves it alone.
alter table postrider.hold drop constraint kind_is_known;
alter table postrider.hold add constraint kind_is_known check (kind in
    ('all', 'provider', 'site', 'domain', 'campaign', 'stream', 'source', 'campaign-at-provider', 'stream-at-provider'));
