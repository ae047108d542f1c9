// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.eclipse.core.runtime.Adapters;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.ILaunchManager;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.snapback.core.Failure;
import org.snapback.core.RewindReport;
import org.snapback.core.Session;
import org.snapback.core.SessionKind;
import org.snapback.core.Sessions;
import org.snapback.core.Snapshot;
import org.snapback.core.operations.RewindOperation;
import org.snapback.core.operations.TakeSnapshotOperation;
import org.snapback.core.program.NativeProgram;
import org.snapback.debug.DebugSessions;
import org.snapback.debug.LaunchAttributes;

/** <em>Snapback Program</em>: real launches of real programs. */
@ExtendWith(NoLoggedErrors.class)
@Timeout(60)
class ProgramLaunchTest {

    private static final String COUNTER =
            "-e '$| = 1; while (1) { print ++$i, qq(\\n); select undef, undef, undef, 0.02 }'";

    @Test
    void runsAProgramWhoseSessionTheLaunchAdaptsTo() throws Exception {
        try (Launched launched = perl(COUNTER)) {
            Session session = launched.session();
            assertEquals(SessionKind.PROGRAM, session.kind());
            assertSame(session, Adapters.adapt(launched.launch(), Session.class));
            assertSame(session, Adapters.adapt(launched.process(), Session.class));
            assertSame(session, DebugSessions.find(launched.process()).orElseThrow());
            assertSame(launched.launch(), DebugSessions.launchOf(session).orElseThrow());
            assertTrue(session.name().startsWith("perl-"), session.name());
        }
    }

    @Test
    void rewindsTheProgramInItsConsole() throws Exception {
        try (Launched launched = perl(COUNTER)) {
            int at = launched.awaitOutput(0, "\n5\n");
            Snapshot snapshot = new TakeSnapshotOperation(launched.session(), "").execute(null);
            at = launched.awaitOutput(at, "\n60\n");
            new RewindOperation(launched.session(), snapshot.id()).execute(null);
            launched.awaitOutput(at, "\n59\n60\n61\n");
        }
    }

    @Test
    void rewindsTheFilesThatTheProgramWritesWhenThatIsWanted(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("log");
        String writer = "-e '$| = 1; open F, qq(>" + file
                + "); F->autoflush(1); while (1) { print ++$i, qq(\\n); print F qq(x); select undef, undef, undef, 0.02 }'";
        try (Launched launched = new Launched(LaunchAttributes.PROGRAM_TYPE, ILaunchManager.RUN_MODE, configuration -> {
            configuration.setAttribute(LaunchAttributes.PROGRAM, "/usr/bin/perl");
            configuration.setAttribute(LaunchAttributes.ARGUMENTS, writer);
            configuration.setAttribute(LaunchAttributes.REWIND_FILES, true);
        })) {
            int at = launched.awaitOutput(0, "\n5\n");
            Snapshot snapshot = new TakeSnapshotOperation(launched.session(), "").execute(null);
            launched.awaitOutput(at, "\n60\n");
            RewindReport report = new RewindOperation(launched.session(), snapshot.id()).execute(null);
            assertTrue(report.notes().stream().anyMatch(note -> note.contains(file.toString())), report.toString());
            assertTrue(Files.size(file) < 60, "its size is " + Files.size(file));
        }
    }

    @Test
    void showsAllOutputAndTheExitValue() throws Exception {
        try (Launched launched = perl("-e 'print qq($_\\n) for 1..20000; exit 7'")) {
            assertEquals(7, launched.awaitEnd());
            assertTrue(launched.output().startsWith("1\n2\n3\n"), "the beginning");
            assertTrue(launched.output().endsWith("\n19999\n20000\n"), "the end");
            launched.awaitNoSession();
        }
    }

    @Test
    void passesOnArgumentsFolderEnvironmentAndWhatIsTyped() throws Exception {
        String script = "-e 'print qq(@ARGV|$ENV{GREETING}|$ENV{TERM}|), `pwd`; $_ = <STDIN>; print qq(got $_)' \"a b\" c";
        try (Launched launched = new Launched(LaunchAttributes.PROGRAM_TYPE, ILaunchManager.RUN_MODE, configuration -> {
            configuration.setAttribute(LaunchAttributes.PROGRAM, "/usr/bin/perl");
            configuration.setAttribute(LaunchAttributes.ARGUMENTS, script);
            configuration.setAttribute(LaunchAttributes.WORKING_DIRECTORY, "/usr");
            configuration.setAttribute(ILaunchManager.ATTR_ENVIRONMENT_VARIABLES, Map.of("GREETING", "good day"));
        })) {
            int at = launched.awaitOutput(0, "a b c|good day|dumb|/usr\n");
            launched.type("seven\n");
            launched.awaitOutput(at, "got seven\n");
            assertEquals(0, launched.awaitEnd());
            assertFalse(launched.output().contains("seven\nseven"), "typed text is not echoed");
        }
    }

    @Test
    void terminatesTheWholeSession() throws Exception {
        try (Launched launched = perl(COUNTER)) {
            Session session = launched.session();
            launched.awaitOutput(0, "\n3\n");
            assertTrue(launched.process().canTerminate());
            launched.launch().terminate();
            launched.awaitEnd();
            assertTrue(launched.launch().isTerminated());
            assertFalse(Sessions.get().all().contains(session));
        }
    }

    @Test
    void saysWhatIsWrongWithTheConfiguration() {
        assertRefused("", "No program is named");
        assertRefused("/no/such/program", "/no/such/program is not there");
        assertRefused("/etc/passwd", "/etc/passwd is not executable");
    }

    @Test
    void saysThatTheNativeProgramIsMissing() {
        String before = System.setProperty(NativeProgram.PROPERTY, "/no/such/snapback");
        try {
            CoreException missing = assertThrows(CoreException.class, () -> perl(COUNTER));
            assertEquals(
                    Failure.NO_NATIVE_PROGRAM, Failure.of(missing.getStatus()).orElseThrow());
        } finally {
            System.setProperty(NativeProgram.PROPERTY, before);
        }
    }

    private static void assertRefused(String program, String sentence) {
        int launches = DebugPlugin.getDefault().getLaunchManager().getLaunches().length;
        CoreException refused = assertThrows(CoreException.class, () -> launch(program, ""));
        assertEquals(Failure.START_FAILED, Failure.of(refused.getStatus()).orElseThrow());
        assertTrue(refused.getMessage().contains(sentence), refused.getMessage());
        assertEquals(launches, DebugPlugin.getDefault().getLaunchManager().getLaunches().length);
    }

    private static Launched perl(String arguments) throws CoreException {
        return launch("/usr/bin/perl", arguments);
    }

    private static Launched launch(String program, String arguments) throws CoreException {
        return new Launched(LaunchAttributes.PROGRAM_TYPE, ILaunchManager.RUN_MODE, configuration -> {
            configuration.setAttribute(LaunchAttributes.PROGRAM, program);
            configuration.setAttribute(LaunchAttributes.ARGUMENTS, arguments);
        });
    }
}
