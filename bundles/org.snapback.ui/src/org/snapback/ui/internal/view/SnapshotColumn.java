// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.view;

import java.util.Comparator;
import java.util.function.Function;
import org.eclipse.swt.SWT;
import org.snapback.core.SavedImage;
import org.snapback.core.Snapshot;
import org.snapback.ui.internal.Messages;

/** The columns of the Snapshots view, in their order. */
public enum SnapshotColumn {
    NUMBER(Messages.columnNumber, 6, 0, SWT.LEFT, s -> Long.toString(s.id()), Comparator.comparingLong(Snapshot::id)),
    NAME(Messages.columnName, 13, 3, SWT.LEFT, Snapshot::label, byText(Snapshot::label)),
    TIME(Messages.columnTime, 15, 0, SWT.LEFT, SnapshotText::time, Comparator.comparing(Snapshot::taken)),
    PLACE(Messages.columnPlace, 18, 5, SWT.LEFT, SnapshotText::place, byText(SnapshotText::place)),
    THREADS(
            Messages.columnThreads,
            9,
            0,
            SWT.RIGHT,
            s -> Integer.toString(s.threads()),
            Comparator.comparingInt(Snapshot::threads)),
    MEMORY(
            Messages.columnMemory,
            10,
            0,
            SWT.RIGHT,
            s -> s.memoryBytes() == 0 ? "" : SnapshotText.memory(s.memoryBytes()),
            Comparator.comparingLong(Snapshot::memoryBytes)),
    SAVED(
            Messages.columnSaved,
            16,
            0,
            SWT.LEFT,
            SnapshotText::saved,
            Comparator.comparingLong(s -> s.image().map(SavedImage::bytes).orElse(0L)));

    private final String header;
    private final int characters;
    private final int weight;
    private final int alignment;
    private final Function<Snapshot, String> text;
    private final Comparator<Snapshot> order;

    SnapshotColumn(
            String header,
            int characters,
            int weight,
            int alignment,
            Function<Snapshot, String> text,
            Comparator<Snapshot> order) {
        this.header = header;
        this.characters = characters;
        this.weight = weight;
        this.alignment = alignment;
        this.text = text;
        this.order = order;
    }

    private static Comparator<Snapshot> byText(Function<Snapshot, String> text) {
        return Comparator.comparing(text, String.CASE_INSENSITIVE_ORDER);
    }

    String header() {
        return header;
    }

    /** The least width, in average characters. */
    int characters() {
        return characters;
    }

    /** The share of the room that is left; 0: none. */
    int weight() {
        return weight;
    }

    int alignment() {
        return alignment;
    }

    public String text(Snapshot snapshot) {
        return text.apply(snapshot);
    }

    Comparator<Snapshot> order() {
        return order.thenComparingLong(Snapshot::id);
    }
}
