// Events on a journal in memory: nothing is missed and nothing told twice where the journal's
// history and what happens meet, whoever is cut off and comes back; and who reads too slowly is
// dropped alone.
#include "api/event_feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "journal/journal_rig.h"
#include "pipeline/hub.h"
#include "sink/journal_fixture.h"

#define BUDGET ((size_t)64000000)

struct client {
        struct event_reader reader;
        char *text;  // that it was sent, less what was looked at
        size_t n, capacity;
        size_t room;  // bytes that it takes yet
        unsigned n_beats, n_ends;
        uint16_t code;
        struct row_cursor last;  // of an event that it has had whole
        bool is_reading;
};

struct rig {
        struct loop *loop;
        struct budget *budget;
        struct journaling_services journaling;
        struct hub_parts parts;
        struct hub *hub;
        struct journal *journal;
        struct event_feed *feed;
        struct principal principal;
};

static int setup(void **state) {
        struct rig *rig = xnew(struct rig);

        *state = rig;
        rig->loop = loop_new_fake(1700000000 * NSEC_PER_SEC);
        rig->budget = budget_new(BUDGET);
        assert_int_equal(journal_open(&rig->journal, rig->loop, NULL, NULL), 0);
        rig->journaling = (struct journaling_services){.journal = rig->journal};
        rig->parts = (struct hub_parts){
                .loop = rig->loop, .budget = rig->budget, .journaling = &rig->journaling};
        rig->hub = hub_new(&rig->parts);
        rig->feed = event_feed_new(rig->hub);
        rig->principal = (struct principal){.name = "test", .scopes = SCOPE_READ};
        return 0;
}

static int teardown(void **state) {
        struct rig *rig = *state;

        event_feed_free(rig->feed);
        journal_close(rig->journal);
        hub_free(rig->hub);
        assert_int_equal(budget_used(rig->budget, BUDGET_SENDING), 0);
        budget_free(rig->budget);
        loop_turn(rig->loop);
        loop_free(rig->loop);
        free(rig);
        return 0;
}

// --- a client --------------------------------------------------------------------------------

static size_t client_write(void *context, const struct event *event, size_t offset) {
        struct client *client = context;
        size_t n = event->n - offset < client->room ? event->n - offset : client->room;

        while (client->n + n + 1 > client->capacity)
                client->text = array_grow(client->text, client->capacity, &client->capacity, 1);
        memcpy(client->text + client->n, event->text + offset, n);
        client->n += n;
        client->text[client->n] = '\0';
        client->room -= n;
        return n;
}

static void client_beat(void *context) {
        struct client *client = context;

        client->n_beats++;
}

static void client_end(void *context, uint16_t code, const char *reason) {
        struct client *client = context;

        assert_true(reason[0]);
        client->n_ends++;
        client->code = code;
}

// With `query` as the request has it.
static void client_come(struct rig *rig, struct client *client, const char *query) {
        struct event_outlet outlet = {client_write, client_beat, client_end, client};
        struct event_wish_mistake mistake;
        struct event_wish wish;

        assert_true(event_wish_read(query, NULL, &wish, &mistake));
        event_feed_join(rig->feed, &client->reader, &wish, &rig->principal, &outlet);
        client->is_reading = true;
}

static void client_go(struct rig *rig, struct client *client) {
        if (client->is_reading)
                event_feed_leave(rig->feed, &client->reader);
        client->is_reading = false;
        free(client->text);
        client->text = NULL;
        client->n = client->capacity = 0;
}

static bool client_has(const struct client *client, const char *words) {
        return client->text && strstr(client->text, words);
}

static unsigned client_count(const struct client *client, const char *words) {
        unsigned n = 0;

        for (const char *at = client->text; at && (at = strstr(at, words)); n++)
                at += strlen(words);
        return n;
}

static struct row *row_new(const char *stream, const char *text) {
        return journal_rig_segment(stream, text, 1700000000000, 0);
}

static void append(struct rig *rig, const char *stream, const char *text) {
        journal_append(rig->journal, row_new(stream, text), NULL, NULL);
}

static void turns(struct rig *rig) {
        for (int i = 0; i < 20; i++)
                loop_turn(rig->loop);
}

// --- tests -----------------------------------------------------------------------------------

static void who_comes_is_told_from_now_on(void **state) {
        struct rig *rig = *state;
        struct client client = {.room = SIZE_MAX};

        append(rig, "kitchen", "before");
        client_come(rig, &client, "");
        append(rig, "kitchen", "after");
        turns(rig);
        assert_true(client_has(&client, "event: begin\nid: e1-1\n"));
        assert_true(client_has(&client, "event: segment\nid: e1-2\ndata: {"));
        assert_true(client_has(&client, "\"text\":\"after\""));
        assert_false(client_has(&client, "before"));
        client_go(rig, &client);
}

static void only_what_was_asked_for_is_told(void **state) {
        struct rig *rig = *state;
        struct client client = {.room = SIZE_MAX}, other = {.room = SIZE_MAX};

        append(rig, "garage", "before that");
        append(rig, "front-door", "before this");
        client_come(rig, &client, "stream=kitchen,front-*&stream=hall&after=0-0");
        client_come(rig, &other, "kind=tail,alert&after=0-0");
        turns(rig);
        append(rig, "kitchen", "one");
        append(rig, "garage", "two");
        append(rig, "hall", "three");
        assert_true(client_has(&client, "before this"));
        assert_false(client_has(&client, "before that"));
        assert_true(client_has(&client, "one") && client_has(&client, "three"));
        assert_false(client_has(&client, "two"));
        assert_int_equal(client_count(&other, "event: "), 1);
        client_go(rig, &client);
        client_go(rig, &other);
}

static void nobody_is_told_of_what_it_may_not_read(void **state) {
        char *const streams[] = {(char[]){"front-*"}, NULL};
        struct rig *rig = *state;
        struct client client = {.room = SIZE_MAX};
        struct row *forgotten = xnew(struct row);

        rig->principal.streams = streams;
        append(rig, "kitchen", "before");
        client_come(rig, &client, "after=0-0");
        turns(rig);
        append(rig, "front-door", "one");
        append(rig, "kitchen", "two");
        forgotten->kind = ROW_FORGOTTEN;
        journal_append(rig->journal, forgotten, NULL, NULL);
        assert_true(client_has(&client, "one"));
        assert_false(client_has(&client, "two") || client_has(&client, "before"));
        // Of all streams: of its own as well.
        assert_true(client_has(&client, "event: forgotten"));
        // Its rights are looked at for each event.
        rig->principal.scopes = SCOPE_LISTEN;
        append(rig, "front-door", "three");
        assert_false(client_has(&client, "three"));
        client_go(rig, &client);
}

static void a_cursor_of_another_journal_is_said_to_be_one(void **state) {
        struct rig *rig = *state;
        struct client client = {.room = SIZE_MAX}, other = {.room = SIZE_MAX};

        append(rig, "kitchen", "first");
        client_come(rig, &client, "after=e0-7");
        client_come(rig, &other, "after=e1-1");
        turns(rig);
        assert_true(client_has(&client, "\"is_resumed\":false"));
        assert_true(client_has(&client, "id: e1-0\n"));
        assert_true(client_has(&client, "first"));
        assert_true(client_has(&other, "\"is_resumed\":true"));
        assert_false(client_has(&other, "first"));
        client_go(rig, &client);
        client_go(rig, &other);
}

static void a_journal_that_cannot_be_read_ends_it_with_words(void **state) {
        struct rig *rig = *state;
        struct client client = {.room = SIZE_MAX};

        rig->journal->error = "the disk is gone";
        client_come(rig, &client, "after=0-0");
        turns(rig);
        assert_true(client_has(&client, "event: end\ndata: "));
        assert_true(client_has(&client, "come back later"));
        assert_false(client_has(&client, "the disk is gone"));
        assert_int_equal(client.n_ends, 1);
        assert_int_equal(client.code, 1011);
        client_go(rig, &client);
}

// What waits for a slow reader is bounded, is its own, and is told to be left out.
static void a_slow_reader_is_dropped_alone(void **state) {
        struct rig *rig = *state;
        struct client slow = {.room = 100}, quick = {.room = SIZE_MAX};
        char text[2001] = "";

        memset(text, 'x', sizeof(text) - 1);
        client_come(rig, &slow, "");
        client_come(rig, &quick, "");
        for (int i = 0; i < 1000; i++)
                append(rig, "kitchen", text);
        assert_int_equal(client_count(&quick, "event: segment"), 1000);
        // Events are shared, and the slow one holds none but the one that it has begun.
        assert_true(budget_used(rig->budget, BUDGET_SENDING) < 10000);
        assert_int_equal(slow.n_ends, 0);
        slow.room = SIZE_MAX;
        event_reader_drained(&slow.reader);
        assert_int_equal(slow.n_ends, 1);
        assert_int_equal(slow.code, 1008);
        // What it was sent is whole.
        assert_true(client_count(&slow, "\n\n") == client_count(&slow, "event: "));
        assert_true(client_has(&slow, "read too slowly"));
        client_go(rig, &slow);
        client_go(rig, &quick);
}

static void who_is_silent_is_looked_after(void **state) {
        struct rig *rig = *state;
        struct client client = {.room = SIZE_MAX}, slow = {.room = 10};

        client_come(rig, &client, "");
        client_come(rig, &slow, "");
        loop_advance(rig->loop, 46 * NSEC_PER_SEC);
        assert_int_equal(client.n_beats, 3);
        // Nothing goes into the midst of an event.
        assert_int_equal(slow.n_beats, 0);
        client_go(rig, &client);
        client_go(rig, &slow);
}

static void who_is_sent_away_is_told_why(void **state) {
        struct rig *rig = *state;
        struct client client = {.room = SIZE_MAX};

        client_come(rig, &client, "");
        event_reader_finish(&client.reader, 1008, "the token was revoked");
        event_reader_finish(&client.reader, 1001, "the server is going away");
        append(rig, "kitchen", "later");
        assert_int_equal(client.n_ends, 1);
        assert_true(client_has(&client, "the token was revoked"));
        assert_false(client_has(&client, "later"));
        client_go(rig, &client);
}

// --- the seam --------------------------------------------------------------------------------

#define ROWS 3000

// How often each row was told with a cursor, and how often without since the client came.
struct told {
        unsigned with[ROWS], without[ROWS];
        char ids[ROWS][ROW_ID_TEXT_MAX];
};

static unsigned seed;

static unsigned random_below(unsigned n) {
        seed = seed * 1664525 + 1013904223;
        return (seed >> 8) % n;
}

static void take_event(struct client *client, struct told *told, const char *text) {
        const char *number = strstr(text, "\"text\":\"row "), *id = strstr(text, "\nid: ");
        const char *own = strstr(text, "\"id\":\"");

        if (id) {
                CLEANUP(mem_freep)
                char *cursor = xasprintf("%.*s", (int)strcspn(id + 5, "\n"), id + 5);

                assert_true(row_cursor_parse(cursor, &client->last));
        }
        if (number) {
                long n = strtol(number + 12, NULL, 10);

                assert_int_equal(told->with[n], 0);
                (id ? told->with : told->without)[n]++;
        }
        for (size_t i = 0; i < ROWS && own && strstr(text, "event: durable"); i++) {
                if (strncmp(told->ids[i], own + 6, ROW_ID_TEXT_MAX - 1) != 0)
                        continue;
                assert_int_equal(told->without[i], 1);
                told->with[i]++;
        }
}

// Look at the events that it has whole. What it has of the last one is lost if it is cut off.
static void client_look(struct client *client, struct told *told) {
        char *end;

        while (client->text && (end = strstr(client->text, "\n\n"))) {
                size_t n = (size_t)(end - client->text) + 2;

                *end = '\0';
                take_event(client, told, client->text);
                memmove(client->text, client->text + n, client->n - n + 1);
                client->n -= n;
        }
}

static void client_come_back(struct rig *rig, struct client *client) {
        char cursor[ROW_CURSOR_MAX];
        CLEANUP(mem_freep) char *query = NULL;

        client_go(rig, client);
        row_cursor_format(client->last, cursor);
        query = xasprintf("after=%s", cursor);
        client->room = 0;
        client_come(rig, client, query);
}

// Rows come, as they do when the disk is slow: on disk and not shown yet, or shown and not yet
// on disk. All keep their order.
struct sea {
        struct rig *rig;
        struct told *told;
        struct row *late[8];    // shown
        struct row *hidden[8];  // on disk, and the journal's
        size_t n_late, n_hidden, n;
};

// The row is shown, on disk or not.
static void row_show(struct rig *rig, const struct row *row) {
        struct journal_watcher *watcher;

        TAILQ_FOREACH (watcher, &rig->journal->watchers, link)
                watcher->on_row(watcher->context, row);
}

// The row, which was shown before, is on disk. It is the journal's.
static void row_write(struct rig *rig, struct row *row) {
        struct journal_watcher *watcher;

        fixture_commit(rig->journal, row);
        TAILQ_FOREACH (watcher, &rig->journal->watchers, link)
                watcher->on_durable(watcher->context, row);
}

static void row_comes(struct sea *sea) {
        CLEANUP(mem_freep) char *text = xasprintf("row %zu", sea->n);
        struct row *row = row_new("kitchen", text);
        unsigned what = random_below(10);

        row_id_make(&sea->rig->journal->ids, 1700000000000, row->id);
        row_id_format(row->id, sea->told->ids[sea->n++]);
        if (sea->n_late || (!sea->n_hidden && what < 2)) {
                sea->late[sea->n_late++] = row;
                row_show(sea->rig, row);
        } else if (sea->n_hidden || what < 4) {
                sea->hidden[sea->n_hidden++] = row;
                fixture_commit(sea->rig->journal, row);
        } else {
                journal_append(sea->rig->journal, row, NULL, NULL);
        }
}

static void rows_settle(struct sea *sea) {
        for (size_t i = 0; i < sea->n_late; i++)
                row_write(sea->rig, sea->late[i]);
        for (size_t i = 0; i < sea->n_hidden; i++)
                row_show(sea->rig, sea->hidden[i]);
        sea->n_late = sea->n_hidden = 0;
}

// A client takes what it likes, is cut off and comes back.
static void nothing_is_missed_and_nothing_told_twice(void **state) {
        struct sea sea = {.rig = *state, .told = xnew(struct told)};
        struct rig *rig = sea.rig;
        struct client client = {.last = {.epoch = 0xe1}};

        seed = 4;
        client_come_back(rig, &client);
        while (sea.n < ROWS) {
                unsigned what = random_below(100);

                if (what < 50 && sea.n_late < 8 && sea.n_hidden < 8) {
                        row_comes(&sea);
                } else if (what < 60) {
                        rows_settle(&sea);
                } else if (what < 80) {
                        client.room = random_below(3000);
                        event_reader_drained(&client.reader);
                } else if (what < 97) {
                        loop_turn(rig->loop);
                } else {
                        client_come_back(rig, &client);
                        memset(sea.told->without, 0, sizeof(sea.told->without));
                }
                client_look(&client, sea.told);
        }
        rows_settle(&sea);
        client.room = SIZE_MAX;
        event_reader_drained(&client.reader);
        for (int i = 0; i < ROWS / EVENT_READER_PAGE; i++)
                turns(rig);
        client_look(&client, sea.told);
        for (size_t i = 0; i < ROWS; i++)
                assert_int_equal(sea.told->with[i], 1);
        client_go(rig, &client);
        free(sea.told);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(who_comes_is_told_from_now_on, setup, teardown),
                cmocka_unit_test_setup_teardown(only_what_was_asked_for_is_told, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(nobody_is_told_of_what_it_may_not_read, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_cursor_of_another_journal_is_said_to_be_one,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_journal_that_cannot_be_read_ends_it_with_words, setup, teardown),
                cmocka_unit_test_setup_teardown(a_slow_reader_is_dropped_alone, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(who_is_silent_is_looked_after, setup, teardown),
                cmocka_unit_test_setup_teardown(who_is_sent_away_is_told_why, setup, teardown),
                cmocka_unit_test_setup_teardown(nothing_is_missed_and_nothing_told_twice, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
