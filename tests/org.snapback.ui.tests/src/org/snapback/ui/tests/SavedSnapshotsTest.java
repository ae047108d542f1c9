// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.eclipse.core.resources.IFile;
import org.eclipse.core.resources.IProject;
import org.eclipse.core.resources.ResourcesPlugin;
import org.eclipse.core.runtime.jobs.Job;
import org.eclipse.core.runtime.preferences.IEclipsePreferences;
import org.eclipse.core.runtime.preferences.InstanceScope;
import org.eclipse.swt.custom.CTabFolder;
import org.eclipse.swt.custom.CTabItem;
import org.eclipse.swt.widgets.Control;
import org.eclipse.swt.widgets.Label;
import org.eclipse.swt.widgets.Table;
import org.eclipse.swt.widgets.Text;
import org.eclipse.ui.IEditorPart;
import org.eclipse.ui.ide.IDE;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.snapback.core.Session;
import org.snapback.core.SessionChange;
import org.snapback.core.image.KnownImages;
import org.snapback.debug.DebugPreferences;
import org.snapback.debug.DebugSessions;
import org.snapback.ui.driver.EventLoop;
import org.snapback.ui.driver.GdbSession;
import org.snapback.ui.driver.Snapshots;
import org.snapback.ui.driver.Widgets;
import org.snapback.ui.driver.Workbench;
import org.snapback.ui.internal.SessionJob;
import org.snapback.ui.internal.commands.Saving;
import org.snapback.ui.internal.image.ComparisonEditor;
import org.snapback.ui.internal.image.ImageEditor;

/** Snapshots of a real program in files: saved, listed, looked at, compared, restarted, deleted. */
class SavedSnapshotsTest {

    @TempDir
    static Path folder;

    private static Path bank;

    @TempDir
    Path images;

    @RegisterExtension
    final WorkbenchExtension ide = new WorkbenchExtension();

    private final IEclipsePreferences preferences = InstanceScope.INSTANCE.getNode(DebugPreferences.NODE);
    private GdbSession gdb;
    private Snapshots snapshots;

    @BeforeAll
    static void compile() throws Exception {
        bank = Bank.compile(folder);
    }

    @BeforeEach
    void stopAtTheFirstTransfer() throws Exception {
        preferences.put(DebugPreferences.IMAGE_FOLDER, images.toString());
        snapshots = ide.workbench().snapshots();
        gdb = GdbSession.launch(ide.workbench(), bank, "");
        gdb.ask("break transfer", "Breakpoint 1 at");
        gdb.ask("run", "Breakpoint 1, ");
    }

    @AfterEach
    void end() throws Exception {
        ide.workbench().page().closeAllEditors(false);
        if (gdb != null) {
            gdb.end();
        }
        KnownImages.get().all().forEach(image -> KnownImages.get().forget(image.file()));
        preferences.remove(DebugPreferences.IMAGE_FOLDER);
    }

    private void takeAndSave(int count) {
        ide.workbench().press(Workbench.TAKE);
        snapshots.awaitRows(count);
        String name = "Snapshot " + count;
        snapshots.select(name);
        ide.workbench().press(Workbench.SAVE);
        EventLoop.await(
                () -> name + " to be saved; it says \"" + snapshots.row(name).getText(Snapshots.SAVED) + "\", "
                        + snapshots.message(),
                () -> snapshots.row(name).getText(Snapshots.SAVED).matches("\\d.*B, \\d\\d:\\d\\d:\\d\\d"));
        EventLoop.await(() -> name + " in the list of what is saved: " + snapshots.saved(), () -> snapshots.saved()
                .contains(name));
    }

    private <T extends IEditorPart> T awaitEditor(Class<T> type) {
        EventLoop.await(
                () -> type.getSimpleName() + "; there is "
                        + ide.workbench().page().getActiveEditor() + ", " + snapshots.message(),
                () -> type.isInstance(ide.workbench().page().getActiveEditor()));
        return type.cast(ide.workbench().page().getActiveEditor());
    }

    @Test
    void savesByTheButtonAndStillListsItWhenTheSessionHasEnded() throws Exception {
        takeAndSave(1);
        ide.screenshot("saved");
        Path file = snapshots.savedFile("Snapshot 1");
        assertTrue(file.startsWith(images), file.toString());

        gdb.end();
        gdb = null;

        snapshots.awaitRows(0);
        snapshots.awaitSaved("Snapshot 1");
        assertEquals("", snapshots.emptyText(), "the saved ones are in front");
        ide.screenshot("saved-without-session");
        assertTrue(Files.exists(file));
    }

    @Test
    void restartsFromAnImageWithTheOldCounter() throws Exception {
        gdb.continueToBreakpoint();
        gdb.continueToBreakpoint();
        assertEquals(2, gdb.print("transfers"));
        takeAndSave(1);
        gdb.end();
        gdb = null;
        snapshots.awaitSaved("Snapshot 1");

        snapshots.chooseSaved("Restart from Image", "Snapshot 1");
        gdb = GdbSession.restarted(ide.workbench());

        assertEquals(2, gdb.print("transfers"));
        gdb.ask("break transfer", "Breakpoint 1 at");
        gdb.continueToBreakpoint();
        assertEquals(3, gdb.print("transfers"));
        ide.screenshot("restarted");
    }

    @Test
    void showsAnImageInAnEditor() throws Exception {
        takeAndSave(1);

        snapshots.doubleClickSaved("Snapshot 1");

        ImageEditor editor = awaitEditor(ImageEditor.class);
        EventLoop.await("the pages", () -> pages(editor) != null);
        assertEquals(
                List.of("Overview", "Threads", "Memory Map", "Descriptors"),
                Stream.of(pages(editor).getItems()).map(CTabItem::getText).toList());
        assertTrue(texts(pages(editor)).contains(bank.toString()), texts(pages(editor)).toString());
        ide.screenshot("image-overview");
        assertEquals(6, turnTo(editor, 1).getItemCount(), "threads");
        ide.screenshot("image-threads");
        assertTrue(column(turnTo(editor, 2), 6).contains("[stack]"));
        ide.screenshot("image-memory");
        assertTrue(column(turnTo(editor, 3), 2).contains("terminal"));
        ide.screenshot("image-descriptors");
    }

    private CTabFolder pages(IEditorPart editor) {
        return Widgets.below(ide.workbench().shell(), CTabFolder.class)
                .filter(folder -> folder.getItemCount() == 4 && folder.getItem(0).getText().equals("Overview"))
                .filter(Control::isVisible)
                .findFirst()
                .orElse(null);
    }

    private static List<String> texts(CTabFolder pages) {
        return Widgets.below(pages, Text.class).map(Text::getText).toList();
    }

    /** The table of that page, after turning to it. */
    private Table turnTo(IEditorPart editor, int page) {
        pages(editor).setSelection(page);
        EventLoop.drain();
        return Widgets.below(pages(editor).getItem(page).getControl(), Table.class).findFirst().orElseThrow();
    }

    private static List<String> column(Table table, int column) {
        return Stream.of(table.getItems()).map(item -> item.getText(column)).toList();
    }

    @Test
    void comparesTwoSnapshots() throws Exception {
        takeAndSave(1);
        gdb.continueToBreakpoint();
        takeAndSave(2);
        snapshots.select("Snapshot 1", "Snapshot 2");

        snapshots.choose("Compare with");

        awaitEditor(ComparisonEditor.class);
        List<String> kinds = new ArrayList<>();
        Widgets.below(ide.workbench().shell(), Table.class)
                .filter(table -> table.isVisible() && table.getColumn(0).getText().equals("Kind"))
                .forEach(table -> kinds.addAll(column(table, 0)));
        assertTrue(kinds.contains("Register"), kinds.toString());
        assertTrue(kinds.contains("Memory"), kinds.toString());
        ide.screenshot("comparison");
    }

    @Test
    void savesWhatIsToBeComparedFirst() throws Exception {
        ide.workbench().press(Workbench.TAKE);
        snapshots.awaitRows(1);
        gdb.continueToBreakpoint();
        ide.workbench().press(Workbench.TAKE);
        snapshots.awaitRows(2);
        snapshots.select("Snapshot 1", "Snapshot 2");
        ide.workbench().answer("OK");

        snapshots.choose("Compare with");

        awaitEditor(ComparisonEditor.class);
        snapshots.awaitSaved("Snapshot 1", "Snapshot 2");
    }

    @Test
    void givesUpSavingWhenItIsCancelled() throws Exception {
        gdb.ask("call (void *)malloc(400000000)", "\\$1 = ");
        gdb.ask("call (void *)memset($1, 7, 400000000)", "\\$2 = ");
        ide.workbench().press(Workbench.TAKE);
        snapshots.awaitRows(1);
        Session session = DebugSessions.of(gdb.launch()).orElseThrow();
        AtomicBoolean begun = new AtomicBoolean();
        session.addListener((s, change) -> {
            if (change instanceof SessionChange.Saving) {
                Saving.cancel(session, 1);
                begun.set(true);
            }
        });

        ide.workbench().press(Workbench.SAVE);

        EventLoop.await("the saving to begin", begun::get);
        EventLoop.await("the saving to end", () -> Job.getJobManager().find(SessionJob.FAMILY).length == 0);
        EventLoop.await("the row to say so", () -> snapshots.row("Snapshot 1").getText(Snapshots.SAVED).isEmpty());
        assertEquals(0, images.toFile().list().length, "files in the folder");
        assertEquals("", snapshots.message());
        assertEquals(0, gdb.print("transfers"));
    }

    @Test
    void asksWhetherTheImageGoesTooAndDeletesIt() throws Exception {
        takeAndSave(1);
        Path file = snapshots.savedFile("Snapshot 1");
        snapshots.select("Snapshot 1");
        ide.workbench().answer("Delete Images Too");

        snapshots.choose("Delete");

        snapshots.awaitRows(0);
        snapshots.awaitSaved();
        assertFalse(Files.exists(file));
    }

    @Test
    void keepsTheImageOfADeletedSnapshotWhenAskedTo() throws Exception {
        takeAndSave(1);
        snapshots.select("Snapshot 1");
        ide.workbench().answer("Delete, Keep Images");

        snapshots.choose("Delete");

        snapshots.awaitRows(0);
        snapshots.awaitSaved("Snapshot 1");
        assertTrue(Files.exists(snapshots.savedFile("Snapshot 1")));
    }

    @Test
    void opensAnImageOfAProject() throws Exception {
        takeAndSave(1);
        IProject project = ResourcesPlugin.getWorkspace().getRoot().getProject("images");
        project.create(null);
        project.open(null);
        try {
            IFile file = project.getFile("a.snapback");
            try (var bytes = Files.newInputStream(snapshots.savedFile("Snapshot 1"))) {
                file.create(bytes, true, null);
            }

            IDE.openEditor(ide.workbench().page(), file);

            ImageEditor editor = awaitEditor(ImageEditor.class);
            EventLoop.await("the pages", () -> pages(editor) != null);
            assertEquals(ImageEditor.ID, IDE.getEditorDescriptor(file).getId());
            assertTrue(snapshots.saved().size() >= 1);
        } finally {
            ide.workbench().page().closeAllEditors(false);
            project.delete(true, true, null);
        }
    }

    @Test
    void saysInTheEditorWhatIsWrongWithAFile() throws Exception {
        Path file = Files.writeString(images.resolve("broken.snapback"), "nothing");

        IDE.openEditor(ide.workbench().page(), file.toUri(), ImageEditor.ID, true);

        EventLoop.await("what is wrong", () -> Widgets.below(ide.workbench().shell(), Label.class)
                .anyMatch(label -> label.getText().equals(file + " is no image of Snapback.")));
    }
}
