// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.Platform;
import org.eclipse.core.runtime.preferences.InstanceScope;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.ILaunch;
import org.eclipse.debug.core.ILaunchManager;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.snapback.core.Session;
import org.snapback.core.SessionListener;
import org.snapback.core.SessionState;
import org.snapback.core.Sessions;
import org.snapback.core.Snapshot;
import org.snapback.core.operations.RewindOperation;
import org.snapback.core.operations.TakeSnapshotOperation;
import org.snapback.debug.CdtOptIn;
import org.snapback.debug.DebugSessions;
import org.snapback.debug.LaunchAttributes;

/** CDT's launch types under checkpoint control, by way of a launch type that asks for its gdb as CDT does. */
@ExtendWith(NoLoggedErrors.class)
@Timeout(120)
class CdtOptInTest {

    private static final String APPLICATION = "org.eclipse.cdt.launch.applicationLaunchType";
    private static final String ATTACH = "org.eclipse.cdt.launch.attachLaunchType";
    private static final String POSTMORTEM = "org.eclipse.cdt.launch.postmortemLaunchType";
    private static final String CORE_BUILD = "org.eclipse.cdt.debug.core.localCoreBuildLaunchConfigType";
    private static final String CDT_NODE = "org.eclipse.cdt.dsf.gdb";

    @TempDir
    static Path folder;

    private static Path ticker;

    @BeforeAll
    static void install() throws Exception {
        CdtOptIn.install();
        CdtOptIn.install();
        ticker = Ticker.build(folder);
    }

    @AfterEach
    void forget() {
        InstanceScope.INSTANCE.getNode(CDT_NODE).remove("defaultGdbCommand");
        RecordedNotices.SHOWN.clear();
    }

    @Test
    void putsTheSessionsGdbInThePlaceOfGdb() throws Exception {
        try (Launched launched = cdt(APPLICATION, true)) {
            ILaunch launch = launched.launch();
            Session session = awaitSession(launch);
            assertSame(session, DebugSessions.find(launch).orElseThrow());
            String version = launch.getAttribute(CdtStyleLaunchDelegate.VERSION);
            assertTrue(version.startsWith("GNU gdb "), version);
            assertNull(launch.getLaunchConfiguration().getAttribute(CdtStyleLaunchDelegate.GDB_COMMAND, (String) null));
        }
    }

    @Test
    void rewindsWithARealStopOnTheMachineInterface() throws Exception {
        try (Launched launched = cdt(APPLICATION, true)) {
            Session session = awaitSession(launched.launch());
            MachineInterface mi = new MachineInterface(CdtStyleLaunchDelegate.MI.get(launched.launch()));
            mi.command("-break-insert tick");
            mi.command("-exec-run");
            mi.awaitLine(line -> line.startsWith("*stopped,reason=\"breakpoint-hit\""));
            awaitState(session, SessionState.STOPPED);
            Snapshot snapshot = new TakeSnapshotOperation(session, "").execute(null);
            mi.command("-exec-continue");
            mi.awaitLine(line -> line.startsWith("*stopped,reason=\"breakpoint-hit\""));
            assertTrue(mi.command("-data-evaluate-expression ticks").contains("value=\"1\""));
            awaitState(session, SessionState.STOPPED);
            new RewindOperation(session, snapshot.id()).execute(null);
            mi.awaitLine(line -> line.startsWith("*running"));
            mi.awaitLine(line -> line.startsWith("*stopped"));
            assertTrue(mi.command("-data-evaluate-expression ticks").contains("value=\"0\""));
        }
    }

    @Test
    void leavesLaunchesAloneThatDoNotAskForIt() throws Exception {
        try (Launched launched = cdt(APPLICATION, false)) {
            assertNull(launched.launch().getAttribute(LaunchAttributes.SESSION_SOCKET));
            assertNull(launched.launch().getAttribute(CdtStyleLaunchDelegate.GDB_COMMAND));
        }
    }

    @Test
    void leavesRunLaunchesAlone() throws Exception {
        try (Launched launched = new Launched(APPLICATION, ILaunchManager.RUN_MODE, configuration -> {
            configuration.setAttribute(LaunchAttributes.ENABLED, true);
            configuration.setAttribute(LaunchAttributes.PROGRAM, ticker.toString());
        })) {
            assertNull(launched.launch().getAttribute(LaunchAttributes.SESSION_SOCKET));
        }
    }

    @Test
    void handsOnTheGdbThatTheUserHasChosen() throws Exception {
        assertEquals("gdb", gdbOf(null, null, null));
        assertEquals("/usr/bin/gdb", gdbOf(null, null, "/usr/bin/gdb"));
        assertEquals("/bin/gdb", gdbOf(null, "/bin/gdb", "/usr/bin/gdb"));
        assertEquals("/usr/bin/gdb", gdbOf("/usr/bin/gdb", "/bin/gdb", "gdb"));
    }

    @Test
    void passesOnTheSettingsOfAutomaticSnapshots() throws Exception {
        try (Launched launched = new Launched(APPLICATION, ILaunchManager.DEBUG_MODE, configuration -> {
            configuration.setAttribute(LaunchAttributes.ENABLED, true);
            configuration.setAttribute(LaunchAttributes.PROGRAM, ticker.toString());
            configuration.setAttribute(LaunchAttributes.AUTO, true);
            configuration.setAttribute(LaunchAttributes.AUTO_CAP, 9);
        })) {
            Session session = awaitSession(launched.launch());
            assertTrue(session.auto().enabled());
            assertEquals(9, session.auto().cap());
        }
    }

    @Test
    void keepsCdtFromEndingGdbWhileThereIsASession() throws Exception {
        assertTrue(autoTerminates());
        try (Launched first = cdt(APPLICATION, true)) {
            assertFalse(autoTerminates());
            try (Launched second = cdt(APPLICATION, true)) {
                assertNotNull(second.launch());
            }
            assertFalse(autoTerminates());
        }
        assertTrue(autoTerminates());
    }

    @Test
    void rewindsAProgramThatItAttachesToAndLetsItGo() throws Exception {
        Process program = new ProcessBuilder(ticker.toString()).start();
        try (Launched launched = cdt(ATTACH, true)) {
            Session session = awaitSession(launched.launch());
            MachineInterface mi = new MachineInterface(CdtStyleLaunchDelegate.MI.get(launched.launch()));
            mi.command("-target-attach " + program.pid());
            awaitState(session, SessionState.STOPPED);
            String then = mi.command("-data-evaluate-expression ticks");
            Snapshot snapshot = new TakeSnapshotOperation(session, "").execute(null);
            mi.command("-break-insert tick");
            mi.command("-exec-continue");
            mi.awaitLine(line -> line.startsWith("*stopped,reason=\"breakpoint-hit\""));
            mi.command("-exec-continue");
            mi.awaitLine(line -> line.startsWith("*stopped,reason=\"breakpoint-hit\""));
            awaitState(session, SessionState.STOPPED);
            new RewindOperation(session, snapshot.id()).execute(null);
            mi.awaitLine(line -> line.startsWith("*stopped"));
            assertEquals(valueOf(then), valueOf(mi.command("-data-evaluate-expression ticks")));
            mi.command("-break-delete 1");
            mi.command("-target-detach");
            assertTrue(program.isAlive());
        } finally {
            assertTrue(program.isAlive(), "the program has ended with the session");
            program.destroyForcibly().waitFor();
        }
        assertEquals(Optional.empty(), CdtOptIn.refusal(ATTACH));
    }

    private static String valueOf(String record) {
        return record.replaceFirst("^.*value=", "");
    }

    @Test
    void saysWhyALaunchOfACoreFileGoesOnWithoutControl() throws Exception {
        try (Launched launched = cdt(POSTMORTEM, true)) {
            assertNull(launched.launch().getAttribute(LaunchAttributes.SESSION_SOCKET));
            IStatus notice = RecordedNotices.SHOWN.poll(10, TimeUnit.SECONDS);
            assertTrue(notice.getMessage().contains("without checkpoint control"), notice.getMessage());
        }
        assertTrue(CdtOptIn.refusal(POSTMORTEM).isPresent());
        assertEquals(Optional.empty(), CdtOptIn.refusal(APPLICATION));
    }

    @Test
    void wantsTheFullPathOfGdbInACoreBuildLaunch() throws Exception {
        try (Launched launched = cdt(CORE_BUILD, true)) {
            assertNull(launched.launch().getAttribute(LaunchAttributes.SESSION_SOCKET));
            IStatus notice = RecordedNotices.SHOWN.poll(10, TimeUnit.SECONDS);
            assertTrue(notice.getMessage().contains("full path of gdb"), notice.getMessage());
        }
        try (Launched launched = new Launched(CORE_BUILD, ILaunchManager.DEBUG_MODE, configuration -> {
            configuration.setAttribute(LaunchAttributes.ENABLED, true);
            configuration.setAttribute(LaunchAttributes.PROGRAM, ticker.toString());
            configuration.setAttribute(CdtStyleLaunchDelegate.GDB_COMMAND, "/usr/bin/gdb");
        })) {
            assertNotNull(awaitSession(launched.launch()));
        }
    }

    /** The gdb that the session's command hands on, where the user has set it in those places. */
    private static String gdbOf(String own, String configured, String preferred) throws CoreException {
        if (preferred != null) {
            InstanceScope.INSTANCE.getNode(CDT_NODE).put("defaultGdbCommand", preferred);
        }
        try (Launched launched = new Launched(APPLICATION, ILaunchManager.DEBUG_MODE, configuration -> {
            configuration.setAttribute(LaunchAttributes.ENABLED, true);
            configuration.setAttribute(LaunchAttributes.PROGRAM, ticker.toString());
            configuration.setAttribute(LaunchAttributes.GDB, own);
            configuration.setAttribute(CdtStyleLaunchDelegate.GDB_COMMAND, configured);
        })) {
            String command = launched.launch().getAttribute(CdtStyleLaunchDelegate.GDB_COMMAND);
            List<String> words = List.of(DebugPlugin.parseArguments(command));
            assertEquals(System.getProperty("snapback.native"), words.get(0));
            return words.get(words.indexOf("--gdb") + 1);
        }
    }

    private static boolean autoTerminates() {
        return Platform.getPreferencesService().getBoolean(CDT_NODE, "autoTerminateGdb", true, null);
    }

    private static Launched cdt(String type, boolean enabled) throws CoreException {
        return new Launched(type, ILaunchManager.DEBUG_MODE, configuration -> {
            configuration.setAttribute(LaunchAttributes.ENABLED, enabled);
            configuration.setAttribute(LaunchAttributes.PROGRAM, ticker.toString());
        });
    }

    /** CDT starts gdb; the session is found in the background. */
    private static Session awaitSession(ILaunch launch) throws Exception {
        CompletableFuture<Session> found = new CompletableFuture<>();
        Sessions.Listener listener = new Sessions.Listener() {
            @Override
            public void sessionOpened(Session session) {
                DebugSessions.of(launch).ifPresent(found::complete);
            }

            @Override
            public void sessionClosed(Session session) {
                // only openings are waited for
            }
        };
        Sessions.get().addListener(listener);
        try {
            DebugSessions.of(launch).ifPresent(found::complete);
            return found.get(30, TimeUnit.SECONDS);
        } finally {
            Sessions.get().removeListener(listener);
        }
    }

    private static void awaitState(Session session, SessionState state) throws Exception {
        CompletableFuture<Void> reached = new CompletableFuture<>();
        SessionListener listener = (s, change) -> {
            if (s.state() == state) {
                reached.complete(null);
            }
        };
        session.addListener(listener);
        try {
            if (session.state() != state) {
                reached.get(30, TimeUnit.SECONDS);
            }
        } finally {
            session.removeListener(listener);
        }
    }
}
