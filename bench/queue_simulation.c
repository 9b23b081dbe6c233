// queue_simulation TALKERS SECONDS [SCALE]: how late text would be with so many talkers, who
// talk until the clock says SECONDS, on a machine that takes SCALE times as long for everything
// as the one where costs were measured (cost_engine.c; 1 without it). The scheduler is the real
// one, on a fake clock; the engine is a table of costs; talkers pause as readers do, and ask
// for passes as pipeline/live does (crowd.c). A minute takes about a second, and figures are
// the same each time, whatever else the machine does: for seeing what another order of jobs
// would do before it is measured. docs/decisions/0056 has what was found so.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cost_engine.h"
#include "crowd.h"
#include "decode/scheduler.h"
#include "util/number.h"

#define TALKERS_MAX 1000
#define SECONDS_MAX 36000
#define SCALE_MAX   1000

// What the loop, with the voice activity detector, takes of one core for so many talkers, in
// the server that the costs are of; what is left of both cores is the engine's.
#define LOOP_SHARE   0.12
#define LOOP_TALKERS 64.0
#define CORES        2

// The clock goes in such ticks, from the first one on. At each it is the turn of some talkers
// to look around; the level is looked at whenever all had their turns.
#define TICK          NSEC_PER_MSEC
#define FIRST_TICK    1000
#define LEVEL_SECONDS ((double)(CROWD_TURNS * TICK) / (double)NSEC_PER_SEC)

// When all have fallen silent, what was said is given so long to become text.
#define SETTLE_SECONDS 40.0
#define SILENT_SECONDS 2.0

struct simulation {
        struct loop *loop;
        struct scheduler *scheduler;
        struct step_gate *gate;
        struct crowd *crowd;
        double talk_seconds;  // nobody begins an utterance later on the clock
        struct cost_counts costs;
        double level_seconds[LOAD_LEVEL_COUNT];
        enum load_level level;
        size_t n_level_changes;
        double seconds;  // that all took
};

static double now(const struct simulation *simulation) {
        return (double)loop_now(simulation->loop) / (double)NSEC_PER_SEC;
}

// --- The clock ---------------------------------------------------------------------------

static bool has_work(struct simulation *simulation) {
        struct scheduler_stats stats = scheduler_stats(simulation->scheduler);

        return stats.n_final + stats.n_partial > 0;
}

// Until the engine is in a step, or has nothing to do, no time passes.
static void simulation_settle(struct simulation *simulation) {
        nsec_t end;

        loop_turn(simulation->loop);
        while (!step_gate_is_closed(simulation->gate, &end)) {
                if (!has_work(simulation))
                        return;
                step_gate_await_step(simulation->gate);
                loop_turn(simulation->loop);
        }
        loop_turn(simulation->loop);
}

static bool is_over(struct simulation *simulation) {
        return now(simulation) > simulation->talk_seconds + SILENT_SECONDS &&
               !crowd_is_talking(simulation->crowd) && !has_work(simulation);
}

static void level_observe(struct simulation *simulation) {
        enum load_level level = scheduler_stats(simulation->scheduler).level;

        simulation->level_seconds[level] += LEVEL_SECONDS;
        simulation->n_level_changes += level != simulation->level;
        simulation->level = level;
}

// Let time pass until the step under way ends, or to the tick, whatever is first. True when
// it is the tick.
static bool simulation_advance(struct simulation *simulation, int64_t tick) {
        nsec_t at = loop_now(simulation->loop), next = tick * TICK, end;
        bool is_tick = true;

        if (step_gate_is_closed(simulation->gate, &end) && end < next) {
                next = end;
                is_tick = false;
        }
        if (next > at)
                loop_advance(simulation->loop, next - at);
        return is_tick;
}

static void simulation_run(struct simulation *simulation) {
        int64_t tick = FIRST_TICK;
        nsec_t end;

        while (now(simulation) < simulation->talk_seconds + SETTLE_SECONDS) {
                simulation_settle(simulation);
                if (simulation_advance(simulation, tick + 1)) {
                        tick++;
                        crowd_look(simulation->crowd, (size_t)tick);
                        if (tick % CROWD_TURNS == 0)
                                level_observe(simulation);
                        if (tick % CROWD_TURNS == 0 && is_over(simulation))
                                break;
                }
                if (step_gate_is_closed(simulation->gate, &end) &&
                    end <= loop_now(simulation->loop))
                        step_gate_open(simulation->gate);
        }
        simulation->seconds = now(simulation) - (double)FIRST_TICK / 1e3;
}

// --- The report --------------------------------------------------------------------------

static const char *const delay_names[] = {
        [DELAY_WORD] = "word",
        [DELAY_LAST] = "last word",
        [DELAY_FINAL] = "final",
};

static double quantile(const double *sorted, size_t n, double share) {
        return sorted[(size_t)(share * (double)(n - 1))];
}

static void delays_print(struct crowd *crowd) {
        printf("%-10s %8s %8s %8s\n", "seconds", "p50", "p95", "of");
        for (size_t kind = 0; kind < DELAY_KIND_COUNT; kind++) {
                size_t n;
                const double *delays = crowd_delays(crowd, kind, &n);

                if (n > 0)
                        printf("%-10s %8.2f %8.2f %8zu\n", delay_names[kind],
                               quantile(delays, n, 0.5), quantile(delays, n, 0.95), n);
                else
                        printf("%-10s %8s %8s %8d\n", delay_names[kind], "-", "-", 0);
        }
}

static void levels_print(const struct simulation *simulation) {
        printf("levels:");
        for (enum load_level level = LOAD_NORMAL; level < LOAD_LEVEL_COUNT; level++)
                printf(" %s %.0f s,", load_level_name(level), simulation->level_seconds[level]);
        printf(" %zu changes\n", simulation->n_level_changes);
}

static double per(uint64_t n, uint64_t divisor) {
        return divisor > 0 ? (double)n / (double)divisor : 0;
}

static void engine_print(const struct simulation *simulation) {
        const struct cost_counts *costs = &simulation->costs;
        const double *seconds = costs->encoder_seconds;
        double encoder = 0;

        for (size_t rank = 0; rank <= JOB_RANK_BACKGROUND; rank++)
                encoder += seconds[rank];
        printf("engine: busy for %.2f of the time, %.2f with the encoder, %.2f with the "
               "decoder\n",
               (encoder + costs->decoder_seconds) / simulation->seconds,
               encoder / simulation->seconds, costs->decoder_seconds / simulation->seconds);
        printf("encoder: %.2f windows a run; %.0f s for finals, %.0f s at pauses, %.0f s for "
               "other partial text, %.0f s for what is not urgent\n",
               per(costs->n_encoder_windows, costs->n_encoder_runs), seconds[JOB_RANK_FINAL],
               seconds[JOB_RANK_SPECULATIVE], seconds[JOB_RANK_PARTIAL],
               seconds[JOB_RANK_BACKGROUND]);
        printf("decoder: %.1f rows a step\n",
               per(costs->n_decoder_rows, costs->n_decoder_steps));
}

static void counts_print(const struct crowd_counts *counts) {
        printf("windows: %lu closed, %lu final, %lu of them by a pass at a pause\n",
               counts->n_windows, counts->n_final, counts->n_promoted);
        printf("passes at a pause: %lu asked for, %lu answered as such\n",
               counts->n_speculative, counts->n_speculative_answered);
        printf("other passes: %lu asked for, %lu answered\n", counts->n_partial,
               counts->n_partial_answered);
}

// --- Life --------------------------------------------------------------------------------

// Run it with so many talkers and the engine's costs times `scale`, and print its figures.
// Negative error.
static int simulation_go(struct simulation *simulation, size_t n_talkers, double scale,
                         struct error *error) {
        struct cost_model model = {.scale = scale, .counts = &simulation->costs};
        struct scheduler_config config = {
                .engine = &engine_costed, .model = &model, .n_engines = 1};
        int r;

        simulation->loop = loop_new_fake(0);
        model.gate = simulation->gate = step_gate_new(simulation->loop);
        r = scheduler_open(&simulation->scheduler, simulation->loop, &config, error);
        if (r == 0) {
                loop_advance(simulation->loop, FIRST_TICK * TICK);
                simulation->crowd = crowd_new(simulation->loop, simulation->scheduler,
                                              n_talkers, simulation->talk_seconds);
                simulation_run(simulation);
                delays_print(simulation->crowd);
                levels_print(simulation);
                counts_print(crowd_counts(simulation->crowd));
                crowd_free(simulation->crowd);
                step_gate_leave_open(simulation->gate);
                scheduler_close(simulation->scheduler);
                engine_print(simulation);
        }
        loop_free(simulation->loop);
        step_gate_free(simulation->gate);
        return r;
}

static bool argument_read(const char *text, double most, double *ret) {
        const char *end = number_read(text, ret);

        return end && *end == '\0' && *ret > 0 && *ret <= most;
}

static void help_print(FILE *file) {
        fputs("usage: queue_simulation TALKERS SECONDS [SCALE]\n"
              "How late text would be: the real scheduler on a fake clock, with a table of\n"
              "costs for an engine, and so many TALKERS, who talk for so many SECONDS. The\n"
              "machine takes SCALE times as long for everything as that of the table, which\n"
              "is two cores of Zen 4 (1; 0.6 is a faster one).\n",
              file);
}

int main(int argc, char **argv) {
        struct simulation simulation = {0};
        double n_talkers, loop_share, scale = 1;
        struct error error = {0};

        if (argc == 2 && strcmp(argv[1], "--help") == 0) {
                help_print(stdout);
                return 0;
        }
        if (argc < 3 || argc > 4 || !argument_read(argv[1], TALKERS_MAX, &n_talkers) ||
            n_talkers != floor(n_talkers) ||
            !argument_read(argv[2], SECONDS_MAX, &simulation.talk_seconds) ||
            (argc == 4 && !argument_read(argv[3], SCALE_MAX, &scale))) {
                help_print(stderr);
                return 2;
        }
        loop_share = LOOP_SHARE * n_talkers / LOOP_TALKERS / CORES;
        if (loop_share >= 1) {
                fputs("queue_simulation: so many talkers leave the engine nothing of the "
                      "cores\n",
                      stderr);
                return 2;
        }
        printf("%.0f talkers for %g s, costs times %g, and %g for the loop's share\n",
               n_talkers, simulation.talk_seconds, scale, 1 / (1 - loop_share));
        if (simulation_go(&simulation, (size_t)n_talkers, scale / (1 - loop_share), &error) <
            0) {
                fprintf(stderr, "queue_simulation: %s\n", error.text);
                return 1;
        }
        return 0;
}
