#include "api/status_history.h"

#include "api/reply.h"

void status_history_add(struct status_history *history, const struct status_sample *sample) {
        history->samples[history->next] = *sample;
        history->next = (history->next + 1) % STATUS_STEPS;
        if (history->n < STATUS_STEPS)
                history->n++;
}

// The i-th, from the oldest.
static const struct status_sample *sample_at(const struct status_history *history, size_t i) {
        size_t oldest = history->n < STATUS_STEPS ? 0 : history->next;

        return &history->samples[(oldest + i) % STATUS_STEPS];
}

const struct status_sample *status_history_last(const struct status_history *history) {
        return history->n ? sample_at(history, history->n - 1) : NULL;
}

static json_t *time_value(const struct status_sample *sample) {
        return reply_time(sample->wall);
}

static json_t *cores_value(const struct status_sample *sample) {
        return reply_number(sample->cores);
}

static json_t *memory_value(const struct status_sample *sample) {
        return json_integer((json_int_t)sample->memory);
}

static json_t *level_value(const struct status_sample *sample) {
        return json_string(load_level_name(sample->level));
}

static json_t *delay_value(const struct status_sample *sample) {
        return reply_number(sample->final_delay);
}

static json_t *backlog_value(const struct status_sample *sample) {
        return reply_number(sample->backlog_seconds);
}

static json_t *streams_value(const struct status_sample *sample) {
        return json_integer((json_int_t)sample->n_streams);
}

static json_t *online_value(const struct status_sample *sample) {
        return json_integer((json_int_t)sample->n_online);
}

static json_t *speaking_value(const struct status_sample *sample) {
        return json_integer((json_int_t)sample->n_speaking);
}

static json_t *sessions_value(const struct status_sample *sample) {
        return json_integer((json_int_t)sample->n_sessions);
}

static const struct {
        const char *name;
        json_t *(*value)(const struct status_sample *sample);
} columns[] = {
        {"time", time_value},
        {"cores", cores_value},
        {"memory", memory_value},
        {"level", level_value},
        {"final_delay", delay_value},
        {"backlog_seconds", backlog_value},
        {"streams", streams_value},
        {"streams_online", online_value},
        {"streams_speaking", speaking_value},
        {"sessions", sessions_value},
};

json_t *status_history_json(const struct status_history *history) {
        json_t *json = json_pack("{s:i}", "step", (int)(STATUS_STEP / NSEC_PER_SEC));

        for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
                json_t *list = json_array();

                for (size_t k = 0; k < history->n; k++)
                        json_array_append_new(list, columns[i].value(sample_at(history, k)));
                json_object_set_new(json, columns[i].name, list);
        }
        return json;
}
