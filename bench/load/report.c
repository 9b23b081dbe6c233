#include "load/report.h"

#include <math.h>

static double cpu_cores(const struct live_result *result) {
        return result->server.seconds > 0 ? result->server.cpu_seconds / result->server.seconds
                                          : NAN;
}

static double n_speaking(const struct live_result *result) {
        return (double)(result->n_clients - result->n_refused);
}

static double messages_per_minute(const struct live_result *result) {
        return result->talk_seconds > 0 ? (double)result->n_messages * 60 / result->talk_seconds
                                        : NAN;
}

// --- the table -----------------------------------------------------------------------------

void report_head(FILE *file) {
        fputs("clients  word p50    p95   mean  last p50    p95  final p50    p95  "
              "decided p50    p95   WER %  lost %  msg/min  cores  MiB/stream  refused\n",
              file);
}

static void cell_print(FILE *file, int width, int decimals, double value) {
        if (isfinite(value))
                fprintf(file, "%*.*f", width, decimals, value);
        else
                fprintf(file, "%*s", width, "-");
}

void report_line(FILE *file, struct live_result *result) {
        struct score *score = &result->score;
        const struct monitor_figures *server = &result->server;

        fprintf(file, "%7zu", result->n_clients);
        cell_print(file, 10, 2, distribution_quantile(&score->word_delay, 0.5));
        cell_print(file, 7, 2, distribution_quantile(&score->word_delay, 0.95));
        cell_print(file, 7, 2, distribution_mean(&score->word_delay));
        cell_print(file, 10, 2, distribution_quantile(&score->last_word_delay, 0.5));
        cell_print(file, 7, 2, distribution_quantile(&score->last_word_delay, 0.95));
        cell_print(file, 11, 2, distribution_quantile(&score->final_delay, 0.5));
        cell_print(file, 7, 2, distribution_quantile(&score->final_delay, 0.95));
        cell_print(file, 13, 2, distribution_quantile(&score->decision_delay, 0.5));
        cell_print(file, 7, 2, distribution_quantile(&score->decision_delay, 0.95));
        cell_print(file, 8, 2, score_wer_percent(score));
        cell_print(file, 8, 2, score_lost_percent(score));
        cell_print(file, 9, 1, messages_per_minute(result));
        cell_print(file, 7, 2, cpu_cores(result));
        cell_print(file, 12, 1,
                   (server->peak_bytes - server->idle_bytes) / n_speaking(result) / 0x1p20);
        fprintf(file, "%9zu\n", result->n_refused);
        fflush(file);
}

// "Load level: normal 58.5 s, slowed 1.5 s; 2 changes."
static void levels_print(FILE *file, const struct level_figures *levels) {
        const char *between = "Load level: ";

        if (levels->n_changes == 0)
                return;
        for (size_t i = 0; i < levels->n; i++) {
                if (levels->seconds[i] == 0)
                        continue;
                fprintf(file, "%s%s %.1f s", between, levels->names[i], levels->seconds[i]);
                between = ", ";
        }
        fprintf(file, "; %zu change%s.\n", levels->n_changes - 1,
                levels->n_changes == 2 ? "" : "s");
}

void report_notes(FILE *file, const struct corpus *corpus, const struct live_result *result) {
        fprintf(file,
                "\nSeconds: word, from a word's end until it is on screen for good; last, from "
                "an utterance's\nend until its last word is; final, until that is final; "
                "decided, the same from %g s later\non. WER: normaliser \"plain\", against "
                "the transcripts. lost: words of %s\nwithout a counterpart in the live "
                "text.\n",
                result->score.end_pause,
                corpus->has_offline ? "the offline decode" : "the transcripts");
        if (!corpus->has_word_times)
                fputs("No --word-times: words are taken to be spread evenly over their "
                      "recordings.\n",
                      file);
        levels_print(file, &result->levels);
        if (!result->server.by)
                fputs("The server's CPU time and memory are not known: give its --pid.\n",
                      file);
        if (result->score.n_missing)
                fprintf(file, "%zu of %zu utterances: not a word came.\n",
                        result->score.n_missing, result->score.n_utterances);
        if (result->score.n_never_final)
                fprintf(file, "%zu of %zu utterances were never final.\n",
                        result->score.n_never_final, result->score.n_utterances);
        if (result->lateness > 0.2)
                fprintf(file,
                        "This program sent sound up to %.1f s late: the machine is too busy to "
                        "measure on.\n",
                        result->lateness);
        if (result->n_refused + result->n_broken)
                fprintf(file, "%zu refused, %zu broken off; the first: %s\n", result->n_refused,
                        result->n_broken, result->trouble.text);
}

// --- JSON ----------------------------------------------------------------------------------

// To a tenth of a thousandth; what is not known is null.
static json_t *number_json(double value) {
        return isfinite(value) ? json_real(round(value * 1e4) / 1e4) : json_null();
}

static json_t *distribution_json(struct distribution *distribution) {
        return json_pack("{s:I, s:o, s:o, s:o, s:o}",                                    //
                         "n", (json_int_t)distribution->n,                               //
                         "mean", number_json(distribution_mean(distribution)),           //
                         "p50", number_json(distribution_quantile(distribution, 0.5)),   //
                         "p95", number_json(distribution_quantile(distribution, 0.95)),  //
                         "max", number_json(distribution_quantile(distribution, 1)));
}

static json_t *server_json(const struct live_result *result) {
        const struct monitor_figures *server = &result->server;

        return json_pack(
                "{s:s?, s:o, s:o, s:o, s:o, s:o}", "by", server->by,  //
                "cpu_cores", number_json(cpu_cores(result)),          //
                "cpu_cores_per_stream", number_json(cpu_cores(result) / n_speaking(result)),
                "idle_bytes", number_json(server->idle_bytes),  //
                "peak_bytes", number_json(server->peak_bytes),  //
                "bytes_per_stream",
                number_json((server->peak_bytes - server->idle_bytes) / n_speaking(result)));
}

// Seconds at each level, and when it was at which.
static json_t *levels_json(const struct level_figures *levels) {
        json_t *seconds, *changes;

        if (levels->n_changes == 0)
                return json_null();
        seconds = json_object();
        changes = json_array();
        for (size_t i = 0; i < levels->n; i++)
                json_object_set_new(seconds, levels->names[i], number_json(levels->seconds[i]));
        for (size_t i = 0; i < levels->n_changes; i++)
                json_array_append_new(changes,
                                      json_pack("{s:o, s:s}", "at",  //
                                                number_json(levels->changes[i].at), "level",
                                                levels->names[levels->changes[i].level]));
        return json_pack("{s:o, s:o}", "seconds", seconds, "changes", changes);
}

json_t *report_json(const struct corpus *corpus, struct live_result *result) {
        struct score *score = &result->score;
        json_t *object =
                json_pack("{s:I, s:I, s:I, s:s?, s:o, s:o, s:o, s:o}",                      //
                          "clients", (json_int_t)result->n_clients,                         //
                          "refused", (json_int_t)result->n_refused,                         //
                          "broken", (json_int_t)result->n_broken,                           //
                          "trouble", result->trouble.code ? result->trouble.text : NULL,    //
                          "talk_seconds", number_json(result->talk_seconds),                //
                          "messages_per_minute", number_json(messages_per_minute(result)),  //
                          "word_delay", distribution_json(&score->word_delay),              //
                          "last_word_delay", distribution_json(&score->last_word_delay));
        json_t *rest =
                json_pack("{s:o, s:o, s:f, s:o, s:I, s:o, s:I, s:s, s:I, s:I, s:I, s:s, s:o, "
                          "s:o, s:o, s:o}",                                                 //
                          "final_delay", distribution_json(&score->final_delay),            //
                          "decision_delay", distribution_json(&score->decision_delay),      //
                          "end_pause", score->end_pause,                                    //
                          "wer_percent", number_json(score_wer_percent(score)),             //
                          "words", (json_int_t)score->n_words,                              //
                          "lost_percent", number_json(score_lost_percent(score)),           //
                          "words_lost", (json_int_t)score->n_lost,                          //
                          "lost_against", corpus->has_offline ? "offline" : "transcripts",  //
                          "utterances", (json_int_t)score->n_utterances,                    //
                          "utterances_missing", (json_int_t)score->n_missing,               //
                          "utterances_never_final", (json_int_t)score->n_never_final,       //
                          "word_times", corpus->has_word_times ? "file" : "spread",         //
                          "sent_late_max", number_json(result->lateness),                   //
                          "bench_cpu_cores", number_json(result->own_cpu),                  //
                          "levels", levels_json(&result->levels),                           //
                          "server", server_json(result));

        json_object_update(object, rest);
        json_decref(rest);
        return object;
}
