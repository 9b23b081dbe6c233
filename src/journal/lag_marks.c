#include "journal/lag_marks.h"

#define INTERVAL_MS 1000

void lag_marks_add(struct lag_marks *marks, int64_t row, int64_t ms) {
        if (marks->n && ms >= marks->items[marks->n - 1].ms &&
            ms < marks->items[marks->n - 1].ms + INTERVAL_MS)
                return;
        if (marks->n == LAG_MARKS_MAX) {
                for (size_t i = 0; i < LAG_MARKS_MAX / 2; i++)
                        marks->items[i] = marks->items[2 * i];
                marks->n = LAG_MARKS_MAX / 2;
        }
        marks->items[marks->n++] = (struct lag_mark){row, ms};
}

int64_t lag_marks_get(const struct lag_marks *marks, int64_t row) {
        size_t low = 0, high = marks->n;

        // The first mark behind the row.
        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (marks->items[middle].row <= row)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (marks->n == 0)
                return 0;
        return marks->items[low > 0 ? low - 1 : 0].ms;
}
