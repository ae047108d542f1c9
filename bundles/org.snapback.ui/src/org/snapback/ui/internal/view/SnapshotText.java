// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.view;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.snapback.core.Place;
import org.snapback.core.SavedImage;
import org.snapback.core.Snapshot;
import org.snapback.ui.internal.Messages;

/** How a snapshot reads in words. */
public final class SnapshotText {

    private static final DateTimeFormatter TODAY = DateTimeFormatter.ofPattern("HH:mm:ss.SSS");
    private static final DateTimeFormatter SAVED_TODAY = DateTimeFormatter.ofPattern("HH:mm:ss");
    private static final DateTimeFormatter ANOTHER_DAY = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss");
    private static final List<String> UNITS = List.of("B", "KiB", "MiB", "GiB", "TiB");
    private static final double UNIT = 1024;

    private SnapshotText() {}

    static String time(Snapshot snapshot) {
        return time(snapshot.taken());
    }

    public static String time(Instant instant) {
        return time(instant, ZoneId.systemDefault(), LocalDate.now());
    }

    public static String time(Instant instant, ZoneId zone, LocalDate today) {
        ZonedDateTime time = instant.atZone(zone);
        return (time.toLocalDate().equals(today) ? TODAY : ANOTHER_DAY).format(time);
    }

    /** "transfer() bank.c:57, breakpoint 1". */
    public static String place(Snapshot snapshot) {
        return place(snapshot.place());
    }

    public static String place(Place place) {
        return Stream.of(place.label(), place.reason())
                .filter(part -> !part.isEmpty())
                .collect(Collectors.joining(", "));
    }

    public static String memory(long bytes) {
        double amount = bytes;
        int unit = 0;
        while (amount >= UNIT && unit < UNITS.size() - 1) {
            amount /= UNIT;
            unit++;
        }
        String number = unit == 0 ? Long.toString(bytes) : String.format(Locale.getDefault(), "%.1f", amount);
        return number + " " + UNITS.get(unit);
    }

    /** The size and the time of its image: "3.1 MiB, 22:31:05". */
    static String saved(Snapshot snapshot) {
        return snapshot.saving() ? Messages.saving : snapshot.image().map(SnapshotText::saved).orElse("");
    }

    private static String saved(SavedImage image) {
        ZonedDateTime time = image.saved().atZone(ZoneId.systemDefault());
        boolean today = time.toLocalDate().equals(LocalDate.now());
        return memory(image.bytes()) + ", " + (today ? SAVED_TODAY : ANOTHER_DAY).format(time);
    }

    static String milliseconds(Duration duration) {
        double milliseconds = duration.toNanos() / 1e6;
        return String.format(Locale.getDefault(), "%.1f ms", milliseconds);
    }

    /** One line for the status line. */
    static String details(Snapshot snapshot) {
        return Messages.bind(
                Messages.details, new Object[] {snapshot.label(), time(snapshot), milliseconds(snapshot.pause())});
    }

    /** A table as spreadsheets and editors take it: a line for each, tabs between the columns. */
    public static String table(Collection<Snapshot> snapshots) {
        Stream<String> header =
                Stream.of(Stream.of(SnapshotColumn.values()).map(SnapshotColumn::header).collect(tabs()));
        Stream<String> lines = snapshots.stream()
                .map(s -> Stream.of(SnapshotColumn.values()).map(c -> c.text(s)).collect(tabs()));
        return Stream.concat(header, lines).collect(Collectors.joining(System.lineSeparator()));
    }

    private static java.util.stream.Collector<CharSequence, ?, String> tabs() {
        return Collectors.joining("\t");
    }

    /** True when the filter stands somewhere in the row, in whatever case. */
    public static boolean matches(Snapshot snapshot, String filter) {
        String row = Stream.of(SnapshotColumn.values())
                .map(column -> column.text(snapshot))
                .collect(tabs())
                .toLowerCase(Locale.ROOT);
        return row.contains(filter.toLowerCase(Locale.ROOT));
    }
}
