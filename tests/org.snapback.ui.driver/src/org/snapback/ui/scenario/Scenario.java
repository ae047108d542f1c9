// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.scenario;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.ILog;
import org.eclipse.ui.PlatformUI;
import org.snapback.ui.driver.EventLoop;
import org.snapback.ui.driver.GdbSession;
import org.snapback.ui.driver.LoggedErrors;
import org.snapback.ui.driver.Snapshots;
import org.snapback.ui.driver.Workbench;

/**
 * The main job, as a user does it: debug the sample bank, take a snapshot by the button, go on, rewind by the
 * button; save the snapshot, end the session, and restart from the image.
 *
 * <p>Each step is judged by what the console and the view show, and has its picture. At the end the file "result" in
 * the scenario's folder says "seen to work", or what was not.
 */
final class Scenario {

    private static final String BREAKPOINT = "Breakpoint 1, .*transfer";

    private final Path folder;
    private final Path program = Path.of(System.getProperty("snapback.scenario.program"));
    private final Path source = Path.of(System.getProperty("snapback.scenario.source"));
    private final boolean stay = Boolean.getBoolean("snapback.scenario.stay");
    private int step;

    Scenario(String folder) {
        this.folder = Path.of(folder);
    }

    void run() {
        try (LoggedErrors errors = new LoggedErrors()) {
            debugTheBank();
            errors.verifyNone();
            finish("seen to work");
        } catch (CoreException | RuntimeException | AssertionError e) {
            ILog.of(Scenario.class).error("The scenario failed: " + e.getMessage(), e);
            Workbench.asItIs().screenshot(folder, "failed");
            finish("step " + step + ": " + e.getMessage());
        }
    }

    private void debugTheBank() throws CoreException {
        Workbench workbench = Workbench.inDebugPerspective();
        Snapshots snapshots = workbench.snapshots();
        GdbSession gdb = GdbSession.launch(workbench, program, "");
        gdb.ask("break transfer", "Breakpoint 1 at");
        workbench.open(source, Integer.parseInt(gdb.ask("run", BREAKPOINT + ".*bank\\.c:(\\d+)").group(1)));
        long before = gdb.print("transfers");
        show(workbench, "stopped", "gdb stands at a breakpoint in the bank, " + before + " transfers are done");

        workbench.press(Workbench.TAKE);
        snapshots.awaitRows(1);
        require("transfer()", snapshots.rows().get(0).getText(Snapshots.PLACE));
        show(workbench, "snapshot", "the button Take Snapshot was pressed, the view lists "
                + snapshots.rows().get(0).getText(Snapshots.PLACE));

        for (int stop = 0; stop < 4; stop++) {
            gdb.ask("continue", BREAKPOINT);
        }
        long after = gdb.print("transfers");
        if (after == before) {
            throw new AssertionError("The bank has not gone on: still " + after + " transfers");
        }
        show(workbench, "continued", "four continues later " + after + " transfers are done");

        int rewoundAt = gdb.text().length();
        workbench.press(Workbench.REWIND);
        gdb.awaitRewound(rewoundAt);
        snapshots.awaitPosition("Snapshot 1");
        long again = gdb.print("transfers");
        if (again != before) {
            throw new AssertionError("After the rewind there are " + again + " transfers, not " + before);
        }
        show(workbench, "rewound", "the button Rewind was pressed: " + again
                + " transfers again, and the view marks the position");
        goOnAgain(workbench, gdb, before);
        GdbSession restarted = restartFromTheImage(workbench, snapshots, gdb);
        if (!stay) {
            restarted.end();
        }
    }

    /** The snapshot outlives its session: it is saved, the session is ended, and begins again from the file. */
    private GdbSession restartFromTheImage(Workbench workbench, Snapshots snapshots, GdbSession gdb)
            throws CoreException {
        workbench.press(Workbench.TAKE);
        snapshots.awaitRows(2);
        long before = gdb.print("transfers");
        workbench.press(Workbench.SAVE);
        EventLoop.await(
                () -> "the snapshot to be saved: " + snapshots.saved() + ", " + snapshots.message(),
                () -> snapshots.saved().contains("Snapshot 2"));
        show(workbench, "saved", "with " + before + " transfers done, Take Snapshot and Save Snapshot were pressed: the"
                + " view says " + snapshots.row("Snapshot 2").getText(Snapshots.SAVED));
        gdb.ask("continue", BREAKPOINT);
        gdb.end();
        snapshots.awaitSaved("Snapshot 2");
        show(workbench, "session-ended", "the bank went on, and the session has ended; what was saved is still listed");

        snapshots.chooseSaved("Restart from Image", "Snapshot 2");
        GdbSession restarted = GdbSession.restarted(workbench);
        long again = restarted.print("transfers");
        if (again != before) {
            throw new AssertionError("After the restart there are " + again + " transfers, not " + before);
        }
        EventLoop.await("the button Take Snapshot to be enabled", () -> workbench.button(Workbench.TAKE)
                .isEnabled());
        show(workbench, "restarted", "Restart from Image was chosen: a new session of gdb, and " + again
                + " transfers as they were");
        return restarted;
    }

    /** What was rewound must live: it goes on as it did the first time. */
    private void goOnAgain(Workbench workbench, GdbSession gdb, long before) {
        gdb.ask("continue", BREAKPOINT);
        long next = gdb.print("transfers");
        if (next != before + 1) {
            throw new AssertionError("After the rewind and one continue there are " + next + " transfers, not "
                    + (before + 1));
        }
        show(workbench, "gone-on-again", "the bank goes on from there: " + next + " transfers");
    }

    private static void require(String part, String whole) {
        if (!whole.contains(part)) {
            throw new AssertionError("\"" + whole + "\" does not name " + part);
        }
    }

    private void show(Workbench workbench, String name, String seen) {
        step++;
        EventLoop.drain();
        Path picture = workbench.screenshot(folder, step + "-" + name);
        System.out.println("step " + step + ": " + seen);
        System.out.println("        " + picture);
    }

    private void finish(String result) {
        try {
            Files.writeString(folder.resolve("result"), result + System.lineSeparator());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        if (stay) {
            System.out.println("the window stays open; close it to end");
        } else {
            PlatformUI.getWorkbench().close();
        }
    }
}
