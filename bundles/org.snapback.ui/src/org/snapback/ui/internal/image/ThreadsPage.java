// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.image;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;
import org.eclipse.swt.SWT;
import org.eclipse.swt.custom.SashForm;
import org.eclipse.swt.layout.FillLayout;
import org.eclipse.swt.widgets.Composite;
import org.snapback.core.image.ImageFacts;
import org.snapback.core.image.ImageThread;
import org.snapback.ui.internal.FactTable;
import org.snapback.ui.internal.FactTable.Column;
import org.snapback.ui.internal.Messages;

/** The threads of an image, and the registers of the one that is selected. */
final class ThreadsPage {

    private static final int THREADS_SHARE = 3;
    private static final int REGISTERS_SHARE = 2;

    private final FactTable<ImageThread> threads;
    private final FactTable<Map.Entry<String, Long>> registers;

    ThreadsPage(Composite page, ImageFacts facts) {
        page.setLayout(new FillLayout());
        SashForm sash = new SashForm(page, SWT.HORIZONTAL);
        threads = new FactTable<>(new Composite(sash, SWT.NONE), Messages.pageThreads, threadColumns());
        registers = new FactTable<>(new Composite(sash, SWT.NONE), Messages.registers, registerColumns());
        sash.setWeights(THREADS_SHARE, REGISTERS_SHARE);
        threads.viewer().addSelectionChangedListener(event -> showRegisters());
        List<ImageThread> all =
                facts.processes().stream().flatMap(p -> p.threads().stream()).toList();
        threads.show(all);
        threads.table().select(0);
        showRegisters();
    }

    private void showRegisters() {
        threads.selected().stream().findFirst().ifPresent(t -> registers.show(List.copyOf(t.registers().entrySet())));
    }

    private static List<Column<ImageThread>> threadColumns() {
        return List.of(
                Column.number(
                        Messages.columnThread,
                        10,
                        t -> Integer.toString(t.tid()),
                        Comparator.comparingInt(ImageThread::tid)),
                Column.text(Messages.columnName, 14, 2, ImageThread::name),
                Column.text(Messages.columnPlace, 20, 3, ImageThread::where),
                Column.text(Messages.columnCall, 14, 2, ImageThread::syscall),
                address(Messages.columnCounter, ImageThread::pc),
                address(Messages.columnStack, ImageThread::sp));
    }

    private static Column<ImageThread> address(String header, ToLongFunction<ImageThread> value) {
        Comparator<ImageThread> order =
                (a, b) -> Long.compareUnsigned(value.applyAsLong(a), value.applyAsLong(b));
        return Column.number(header, 18, t -> ImageText.hex(value.applyAsLong(t)), order);
    }

    private static List<Column<Map.Entry<String, Long>>> registerColumns() {
        return List.of(
                Column.text(Messages.columnRegister, 10, 1, Map.Entry::getKey),
                Column.number(
                        Messages.columnValue,
                        20,
                        entry -> ImageText.hex(entry.getValue()),
                        (a, b) -> Long.compareUnsigned(a.getValue(), b.getValue())));
    }
}
