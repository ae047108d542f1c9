// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.image;

import java.util.Comparator;
import java.util.List;
import org.eclipse.swt.widgets.Composite;
import org.snapback.core.image.ImageFacts;
import org.snapback.core.image.ImageMapping;
import org.snapback.core.image.ImageProcess;
import org.snapback.ui.internal.FactTable;
import org.snapback.ui.internal.FactTable.Column;
import org.snapback.ui.internal.Messages;
import org.snapback.ui.internal.view.SnapshotText;

/** The memory map of an image. */
final class MemoryPage {

    /** One mapping and whose it is. */
    private record Row(int pid, ImageMapping mapping) {}

    private MemoryPage() {}

    static void fill(Composite page, ImageFacts facts) {
        FactTable<Row> table = new FactTable<>(page, Messages.pageMemory, columns());
        table.show(facts.processes().stream().flatMap(p -> rows(p).stream()).toList());
    }

    private static List<Row> rows(ImageProcess process) {
        return process.mappings().stream().map(m -> new Row(process.pid(), m)).toList();
    }

    private static List<Column<Row>> columns() {
        return List.of(
                Column.number(
                        Messages.columnProcess, 10, r -> Integer.toString(r.pid), Comparator.comparingInt(Row::pid)),
                Column.number(
                        Messages.columnStart,
                        18,
                        r -> ImageText.hex(r.mapping.start()),
                        (a, b) -> Long.compareUnsigned(a.mapping.start(), b.mapping.start())),
                Column.number(
                        Messages.columnSize,
                        12,
                        r -> SnapshotText.memory(r.mapping.size()),
                        (a, b) -> Long.compareUnsigned(a.mapping.size(), b.mapping.size())),
                Column.number(
                        Messages.columnStored,
                        12,
                        r -> SnapshotText.memory(r.mapping.storedBytes()),
                        Comparator.comparingLong(r -> r.mapping.storedBytes())),
                Column.text(Messages.columnRights, 8, 0, r -> r.mapping.protection()),
                Column.text(Messages.columnKind, 18, 1, r -> ImageText.kind(r.mapping.kind())),
                Column.text(Messages.columnFile, 24, 4, r -> r.mapping.name()));
    }
}
