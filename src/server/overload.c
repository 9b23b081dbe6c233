#include "server/overload.h"

#include <inttypes.h>

#include "decode/scheduler.h"
#include "util/budget.h"
#include "util/log.h"
#include "util/mem.h"

// A client is told of an overload when it gets worse, and else so often at most.
#define OVERLOAD_TELL_AGAIN (30 * NSEC_PER_SEC)

// The log says so often at most that memory is used up.
#define OVERLOAD_TELL_MEMORY (10 * NSEC_PER_SEC)

struct overload {
        struct hub *hub;
        enum load_level level;       // as last logged
        uint64_t n_budget_refusals;  // likewise
        nsec_t budget_told_at;       // when that was
        bool has_spool_trouble;      // likewise
};

// What a client has to expect; the dialects put it into their own messages.
static char *load_words(const struct scheduler_stats *stats) {
        static const char *const words[] = {
                [LOAD_NORMAL] = "text is in time",
                [LOAD_SLOWED] = "text of what is being said comes less often",
                [LOAD_FINALS_ONLY] = "text comes at the end of an utterance only",
                [LOAD_FULL] = "text comes at the end of an utterance only, and late",
        };

        return xasprintf("%s (%.0f s behind)", words[stats->level],
                         (double)stats->final_delay / NSEC_PER_SEC);
}

static void session_tell(struct hub *hub, struct hub_session *session, enum load_level level,
                         const char *words) {
        nsec_t now = loop_now(hub_parts(hub)->loop);

        if (level == LOAD_NORMAL)
                session->told = LOAD_NORMAL;
        if (level <= session->told)
                return;
        if (session->told_at > 0 && now - session->told_at < OVERLOAD_TELL_AGAIN &&
            level <= session->told_worst)
                return;
        if (!session->ops->on_overload(session, words))
                return;
        session->told = session->told_worst = level;
        session->told_at = now;
        hub_counts(hub)->n_warned++;
}

static void load_log(struct overload *overload, const struct scheduler_stats *stats) {
        bool is_worse = stats->level > overload->level;

        if (stats->level != overload->level)
                log_line(is_worse ? LOG_WARNING : LOG_INFO, "server", "load-level",
                         "load is %s: live text is %.1f s behind",
                         load_level_name(stats->level),
                         (double)stats->final_delay / NSEC_PER_SEC);
        overload->level = stats->level;
        if (stats->spool_trouble && !overload->has_spool_trouble)
                log_error("server", "spool-failed",
                          "the backlog stays in memory, beyond its limit: %s",
                          stats->spool_trouble);
        overload->has_spool_trouble = stats->spool_trouble != NULL;
}

// What was refused for want of memory, told together: a flood of it is one line.
static void budget_log(struct overload *overload) {
        const struct budget *budget = hub_parts(overload->hub)->budget;
        nsec_t now = loop_now(hub_parts(overload->hub)->loop);
        uint64_t n = 0;

        for (int kind = 0; kind < BUDGET_KIND_COUNT; kind++)
                n += budget_refusals(budget, (enum budget_kind)kind);
        if (n == overload->n_budget_refusals ||
            (overload->n_budget_refusals > 0 &&
             now - overload->budget_told_at < OVERLOAD_TELL_MEMORY))
                return;
        log_warning("server", "memory-full",
                    "the %.0f MB for what clients send are used up: %" PRIu64
                    " requests, messages and uploads were refused (memory, "
                    "docs/operations.md)",
                    (double)budget_total(budget) / 1e6, n - overload->n_budget_refusals);
        overload->n_budget_refusals = n;
        overload->budget_told_at = now;
}

void overload_tell(struct overload *overload) {
        struct scheduler_stats stats = scheduler_stats(hub_parts(overload->hub)->scheduler);
        CLEANUP(mem_freep) char *words = load_words(&stats);

        load_log(overload, &stats);
        budget_log(overload);
        for (struct hub_session *session = hub_first_session(overload->hub); session;
             session = hub_next_session(session))
                session_tell(overload->hub, session, stats.level, words);
}

struct overload *overload_new(struct hub *hub) {
        struct overload *overload = xnew(struct overload);

        overload->hub = hub;
        return overload;
}

struct overload *overload_free(struct overload *overload) {
        return mem_free(overload);
}
