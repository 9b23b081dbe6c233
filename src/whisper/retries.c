#include "whisper/retries.h"

#define POT_STEPS ((size_t)2 * RETRY_ALLOWANCE)

// Of the engine's work one step in so many may go into retries of live windows, over time.
#define POT_SHARE 4

static bool job_is_overdue(const struct job *job) {
        return atomic_load_explicit(&job->is_overdue, memory_order_relaxed);
}

void retry_pot_fill(struct retry_pot *pot) {
        *pot = (struct retry_pot){.n_steps = POT_STEPS};
}

void retry_pot_earn(struct retry_pot *pot, size_t n_steps) {
        pot->n_work += n_steps;
        pot->n_steps += pot->n_work / POT_SHARE;
        pot->n_work %= POT_SHARE;
        if (pot->n_steps > POT_STEPS)
                pot->n_steps = POT_STEPS;
}

bool retries_begin(struct retries *retries, const struct job *job) {
        if (job->rank == JOB_RANK_PARTIAL)
                return false;
        if (job->rank == JOB_RANK_FINAL) {
                if (!retries->has_taken && retries->pot->n_steps >= RETRY_ALLOWANCE) {
                        retries->pot->n_steps -= RETRY_ALLOWANCE;
                        retries->n_left = RETRY_ALLOWANCE;
                        retries->has_taken = true;
                }
                if (retries->n_left == 0 || job_is_overdue(job))
                        return false;
        }
        retries->is_one = true;
        return true;
}

void retries_charge(struct retries *retries, const struct job *job, size_t n_steps) {
        if (!retries->is_one || job->rank != JOB_RANK_FINAL)
                return;
        retries->n_left -= n_steps < retries->n_left ? n_steps : retries->n_left;
}

bool retries_are_over(const struct retries *retries, const struct job *job) {
        return retries->is_one && job->rank == JOB_RANK_FINAL &&
               (retries->n_left == 0 || job_is_overdue(job));
}

void retries_end(struct retries *retries) {
        if (retries->pot)
                retry_pot_earn(retries->pot, POT_SHARE * retries->n_left);
        *retries = (struct retries){0};
}
