// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.driver;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.jobs.Job;
import org.eclipse.debug.core.DebugException;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.ILaunch;
import org.eclipse.debug.core.ILaunchConfiguration;
import org.eclipse.debug.core.ILaunchConfigurationWorkingCopy;
import org.eclipse.debug.core.ILaunchManager;
import org.eclipse.debug.ui.DebugUITools;
import org.eclipse.swt.custom.StyledText;
import org.eclipse.ui.console.ConsolePlugin;
import org.eclipse.ui.console.IConsole;
import org.eclipse.ui.console.IConsoleConstants;
import org.eclipse.ui.console.TextConsole;
import org.snapback.debug.LaunchAttributes;

/** A running Snapback GDB Session and its console in the Console view. */
public final class GdbSession {

    private static final String PROMPT = "(gdb) ";

    private final Workbench workbench;
    private final ILaunch launch;
    private final ILaunchConfiguration configuration;

    private GdbSession(Workbench workbench, ILaunchConfiguration configuration, ILaunch launch) {
        this.workbench = workbench;
        this.configuration = configuration;
        this.launch = launch;
    }

    /** Launches it as the Debug button of the dialog does, and waits for gdb's prompt. */
    public static GdbSession launch(Workbench workbench, Path program, String arguments) throws CoreException {
        ILaunchManager manager = DebugPlugin.getDefault().getLaunchManager();
        ILaunchConfigurationWorkingCopy copy = manager.getLaunchConfigurationType(LaunchAttributes.GDB_TYPE)
                .newInstance(null, manager.generateLaunchConfigurationName(program.getFileName().toString()));
        copy.setAttribute(LaunchAttributes.PROGRAM, program.toString());
        copy.setAttribute(LaunchAttributes.ARGUMENTS, arguments);
        ILaunchConfiguration configuration = copy.doSave();
        DebugUITools.launch(configuration, ILaunchManager.DEBUG_MODE);
        return await(workbench, configuration::equals);
    }

    /** The session that Restart from Image has begun; waits for gdb's prompt. */
    public static GdbSession restarted(Workbench workbench) {
        return await(workbench, GdbSession::isOfImage);
    }

    private static boolean isOfImage(ILaunchConfiguration configuration) {
        try {
            return LaunchAttributes.IMAGE_TYPE.equals(configuration.getType().getIdentifier());
        } catch (CoreException e) {
            throw new AssertionError("The type of " + configuration + " is not known", e);
        }
    }

    private static GdbSession await(Workbench workbench, Predicate<ILaunchConfiguration> wanted) {
        EventLoop.await("the launch", () -> find(wanted) != null);
        ILaunch launch = find(wanted);
        GdbSession session = new GdbSession(workbench, launch.getLaunchConfiguration(), launch);
        session.workbench.show(IConsoleConstants.ID_CONSOLE_VIEW);
        EventLoop.await(() -> "the prompt of gdb in the console: " + session.text(), () -> session.text()
                .endsWith(PROMPT));
        EventLoop.await(
                "the Debug view's element of the session", () -> session.launch.getDebugTargets().length > 0);
        return session;
    }

    private static ILaunch find(Predicate<ILaunchConfiguration> wanted) {
        return Arrays.stream(DebugPlugin.getDefault().getLaunchManager().getLaunches())
                .filter(launch -> launch.getLaunchConfiguration() != null)
                .filter(launch -> wanted.test(launch.getLaunchConfiguration()))
                .filter(launch -> launch.getProcesses().length > 0)
                .findFirst()
                .orElse(null);
    }

    public ILaunch launch() {
        return launch;
    }

    private TextConsole console() {
        for (IConsole console : ConsolePlugin.getDefault().getConsoleManager().getConsoles()) {
            if (console instanceof org.eclipse.debug.ui.console.IConsole ofProcess
                    && launch.getProcesses().length > 0
                    && launch.getProcesses()[0].equals(ofProcess.getProcess())) {
                return (TextConsole) console;
            }
        }
        return null;
    }

    /** All that the console shows. */
    public String text() {
        TextConsole console = console();
        return console == null ? "" : console.getDocument().get();
    }

    /** The widget of the Console view in which this console is shown. */
    private StyledText widget() {
        String text = text();
        return Widgets.below(workbench.shell(), StyledText.class)
                .filter(widget -> widget.isVisible() && widget.getText().equals(text))
                .findFirst()
                .orElse(null);
    }

    /** Types a command into the console, and Enter. */
    public void type(String command) {
        ConsolePlugin.getDefault().getConsoleManager().showConsoleView(console());
        EventLoop.await(() -> "the console to be shown with " + text(), () -> widget() != null);
        StyledText widget = widget();
        widget.setFocus();
        widget.setCaretOffset(widget.getCharCount());
        widget.insert(command + System.lineSeparator());
    }

    /** Types a command and waits for what it answers. */
    public Matcher ask(String command, String answer) {
        int before = text().length();
        type(command);
        return awaitText(before + command.length(), answer);
    }

    /** Waits until the console, from there on, shows what matches, and gdb's prompt after it. */
    private Matcher awaitText(int from, String answer) {
        return await(from, Pattern.compile(answer + "[\\s\\S]*?" + Pattern.quote(PROMPT)));
    }

    /** Waits until the console, from there on, shows the stop that follows a rewind. */
    public Matcher awaitRewound(int from) {
        return await(from, Pattern.compile("transfer \\(.*at .*bank\\.c:\\d+"));
    }

    private Matcher await(int from, Pattern pattern) {
        Matcher[] found = new Matcher[1];
        EventLoop.await(() -> "\"" + pattern + "\" in the console: " + text(), () -> {
            String text = text();
            found[0] = pattern.matcher(text);
            return found[0].find(Math.min(from, text.length()));
        });
        return found[0];
    }

    /** The value that gdb itself prints. */
    public long print(String expression) {
        return Long.parseLong(ask("print " + expression, "\\$\\d+ = (-?\\d+)").group(1));
    }

    /** Goes on to the next stop at a breakpoint. */
    public void continueToBreakpoint() {
        ask("continue", "Breakpoint \\d+, ");
    }

    /** Ends it as the user does, and takes it out of the Debug view. */
    public void end() throws CoreException {
        try {
            launch.terminate();
        } catch (DebugException e) {
            throw new AssertionError("The session cannot be ended: " + e.getMessage(), e);
        }
        EventLoop.await("the session to end", launch::isTerminated);
        EventLoop.await("the workbench to have looked at the last stop", () -> !looksAtLaunches());
        DebugPlugin.getDefault().getLaunchManager().removeLaunch(launch);
        EventLoop.drain();
        EventLoop.await("the workbench to have let go of the launch", () -> !looksAtLaunches());
        configuration.delete();
        EventLoop.drain();
    }

    /** The debug platform reads the configuration of what it shows, in jobs, and logs an error when that is gone. */
    private static boolean looksAtLaunches() {
        return Stream.of(Job.getJobManager().find(null))
                .map(job -> job.getClass().getName())
                .anyMatch(name -> name.contains("PerspectiveManager")
                        || name.contains("EventDispatchJob")
                        || name.startsWith("org.eclipse.debug.internal.ui.model."));
    }
}
