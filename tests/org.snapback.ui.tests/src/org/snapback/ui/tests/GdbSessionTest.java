// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.eclipse.swt.SWT;
import org.eclipse.swt.dnd.Clipboard;
import org.eclipse.swt.dnd.TextTransfer;
import org.eclipse.swt.widgets.Text;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.snapback.ui.driver.EventLoop;
import org.snapback.ui.driver.GdbSession;
import org.snapback.ui.driver.Snapshots;
import org.snapback.ui.driver.Widgets;
import org.snapback.ui.driver.Workbench;

/** The buttons and the view on a real gdb that debugs the sample bank. */
class GdbSessionTest {

    @TempDir
    static Path folder;

    private static Path bank;

    @RegisterExtension
    final WorkbenchExtension ide = new WorkbenchExtension();

    private GdbSession gdb;
    private Snapshots snapshots;

    @BeforeAll
    static void compile() throws Exception {
        bank = Bank.compile(folder);
    }

    @BeforeEach
    void stopAtTheFirstTransfer() throws Exception {
        snapshots = ide.workbench().snapshots();
        gdb = GdbSession.launch(ide.workbench(), bank, "");
        gdb.ask("break transfer", "Breakpoint 1 at");
        gdb.ask("run", "Breakpoint 1, ");
    }

    @AfterEach
    void end() throws Exception {
        if (gdb != null) {
            gdb.end();
        }
    }

    private void take(int count) {
        ide.workbench().press(Workbench.TAKE);
        snapshots.awaitRows(count);
    }

    private void rewound(Runnable how, String position) {
        int before = gdb.text().length();
        how.run();
        gdb.awaitRewound(before);
        snapshots.awaitPosition(position);
    }

    @Test
    void rewindsTheCounterByTheButton() {
        assertEquals(0, gdb.print("transfers"));
        take(1);
        gdb.continueToBreakpoint();
        gdb.continueToBreakpoint();
        assertEquals(2, gdb.print("transfers"));

        rewound(() -> ide.workbench().press(Workbench.REWIND), "Snapshot 1");

        assertEquals(0, gdb.print("transfers"));
        gdb.continueToBreakpoint();
        assertEquals(1, gdb.print("transfers"));
    }

    @Test
    void offersTheSnapshotsNewestFirstInTheDropDown() {
        take(1);
        gdb.continueToBreakpoint();
        take(2);
        gdb.continueToBreakpoint();

        List<String> menu = ide.workbench().rewindMenu();

        assertEquals(2, menu.size());
        assertTrue(menu.get(0).startsWith("Snapshot 2"), menu.get(0));
        assertTrue(menu.get(1).startsWith("Snapshot 1"), menu.get(1));
        rewound(() -> ide.workbench().rewindTo("Snapshot 1"), "Snapshot 1");
        assertEquals(0, gdb.print("transfers"));
    }

    @Test
    void showsWhatASnapshotIsWithoutScrolling() {
        take(1);

        int shown = IntStream.rangeClosed(0, Snapshots.MEMORY).map(snapshots::widthOf).sum();
        int width = snapshots.table().getClientArea().width;
        assertTrue(shown <= width, shown + " of " + width);
    }

    @Test
    void showsHowMuchMemoryASnapshotHasOnceItIsMeasured() {
        take(1);

        assertFalse(
                snapshots.row("Snapshot 1").getText(Snapshots.MEMORY).startsWith("0 "),
                "a size is shown that nobody knows");
        EventLoop.await(
                "the memory of the snapshot",
                () -> snapshots.row("Snapshot 1").getText(Snapshots.MEMORY).matches("[1-9].*B"));
    }

    @Test
    void showsWhereTheSnapshotStands() {
        take(1);

        assertTrue(snapshots.row("Snapshot 1").getText(Snapshots.PLACE).startsWith("transfer() bank.c:"));
        assertEquals("6", snapshots.row("Snapshot 1").getText(Snapshots.THREADS));
        assertTrue(snapshots.row("Snapshot 1").getText(Snapshots.TIME).matches("\\d\\d:\\d\\d:\\d\\d\\.\\d{3}"));
        assertEquals(Optional.of("Snapshot 1"), snapshots.position());
        ide.screenshot("one-snapshot");
    }

    @Test
    void rewindsByDoubleClick() {
        take(1);
        gdb.continueToBreakpoint();
        take(2);
        gdb.continueToBreakpoint();

        rewound(() -> snapshots.doubleClick("Snapshot 2"), "Snapshot 2");

        assertEquals(1, gdb.print("transfers"));
    }

    @Test
    void renamesInPlace() {
        take(1);
        snapshots.select("Snapshot 1");

        snapshots.choose("Rename");
        Text editor = snapshots.editor();
        editor.setText("before the first transfer");
        Widgets.send(editor, SWT.DefaultSelection, 0);

        EventLoop.await(
                () -> "the new name; there is " + snapshots.column(Snapshots.NAME),
                () -> snapshots.column(Snapshots.NAME).equals(List.of("before the first transfer")));
    }

    @Test
    void deletesTheSelectedSnapshot() {
        take(1);
        gdb.continueToBreakpoint();
        take(2);
        snapshots.select("Snapshot 1");

        snapshots.choose("Delete");

        snapshots.awaitRows(1);
        assertEquals(List.of("Snapshot 2"), snapshots.column(Snapshots.NAME));
    }

    @Test
    void filtersAndSorts() {
        take(1);
        gdb.continueToBreakpoint();
        take(2);
        gdb.continueToBreakpoint();
        take(3);
        assertEquals(List.of(1, 2, 3), snapshots.numbers());

        snapshots.sortBy(Snapshots.NUMBER);
        assertEquals(List.of(3, 2, 1), snapshots.numbers());
        snapshots.filter().setText("snapshot 2");
        assertEquals(List.of(2), snapshots.numbers());

        snapshots.filter().setText("");
        snapshots.sortBy(Snapshots.NUMBER);
        assertEquals(List.of(1, 2, 3), snapshots.numbers());
    }

    @Test
    void copiesTheSelectedRowsAsText() {
        take(1);
        snapshots.select("Snapshot 1");

        snapshots.choose("Copy");

        Clipboard clipboard = new Clipboard(snapshots.table().getDisplay());
        try {
            String text = (String) clipboard.getContents(TextTransfer.getInstance());
            assertEquals(2, text.lines().count(), text);
            assertTrue(text.contains("1\tSnapshot 1\t"), text);
        } finally {
            clipboard.dispose();
        }
    }

    @Test
    void takesASnapshotAtEveryStopWhileTheButtonIsDown() {
        ide.workbench().press(Workbench.AUTO);
        EventLoop.await("the button to stay down", () -> ide.workbench().button(Workbench.AUTO).getSelection());
        gdb.continueToBreakpoint();
        snapshots.awaitRows(1);
        gdb.continueToBreakpoint();
        snapshots.awaitRows(2);

        gdb.ask("snapshot auto off", "");

        EventLoop.await(
                "the button to follow the command of gdb", () -> !ide.workbench().button(Workbench.AUTO).getSelection());
    }

    @Test
    void followsTheCommandsOfGdb() {
        gdb.ask("snapshot here", "");
        snapshots.awaitRows(1);
        assertEquals(List.of("here"), snapshots.column(Snapshots.NAME));

        gdb.ask("set confirm off", "");
        gdb.ask("delete snapshots", "");
        snapshots.awaitRows(0);
        assertFalse(snapshots.emptyText().isEmpty());
    }

    @Test
    void rewindsAfterTheProgramHasEnded() {
        take(1);
        gdb.ask("set confirm off", "");
        gdb.ask("kill", "killed");

        rewound(() -> ide.workbench().press(Workbench.REWIND), "Snapshot 1");

        assertEquals(0, gdb.print("transfers"));
    }
}
