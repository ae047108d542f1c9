// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.image;

import java.util.Comparator;
import java.util.List;
import org.eclipse.swt.widgets.Composite;
import org.snapback.core.image.ImageDescriptor;
import org.snapback.core.image.ImageFacts;
import org.snapback.core.image.ImageProcess;
import org.snapback.ui.internal.FactTable;
import org.snapback.ui.internal.FactTable.Column;
import org.snapback.ui.internal.Messages;

/** The open descriptors of an image. */
final class DescriptorsPage {

    /** One descriptor and whose it is. */
    private record Row(int pid, ImageDescriptor descriptor) {}

    private DescriptorsPage() {}

    static void fill(Composite page, ImageFacts facts) {
        FactTable<Row> table = new FactTable<>(page, Messages.pageDescriptors, columns());
        table.show(facts.processes().stream().flatMap(p -> rows(p).stream()).toList());
    }

    private static List<Row> rows(ImageProcess process) {
        return process.descriptors().stream().map(d -> new Row(process.pid(), d)).toList();
    }

    private static List<Column<Row>> columns() {
        return List.of(
                Column.number(
                        Messages.columnProcess, 10, r -> Integer.toString(r.pid), Comparator.comparingInt(Row::pid)),
                Column.number(
                        Messages.columnNumber,
                        7,
                        r -> Integer.toString(r.descriptor.number()),
                        Comparator.comparingInt(r -> r.descriptor.number())),
                Column.text(Messages.columnKind, 20, 1, r -> ImageText.kind(r.descriptor.kind())),
                Column.text(Messages.columnAccess, 8, 0, r -> r.descriptor.access()),
                Column.text(Messages.columnTarget, 24, 4, r -> r.descriptor.target()),
                Column.number(
                        Messages.columnPosition,
                        12,
                        r -> r.descriptor.hasPosition() ? Long.toString(r.descriptor.position()) : "",
                        Comparator.comparingLong(r -> r.descriptor.position())),
                Column.text(
                        Messages.columnCloses, 12, 0, r -> r.descriptor.closeOnExec() ? Messages.yes : ""));
    }
}
